"""The whole service as C{twistd image-management}: its listeners, its start and its end."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from twisted.internet.utils import getProcessOutputAndValue
from twisted.trial.unittest import TestCase

from demo.service import ROOT
from image_management import __version__
from tests.certificates import identity
from tests.running import base_environment, start_service

# No S3 server is asked for anything here.
SETTINGS = {
    "S3_ENDPOINT": "http://127.0.0.1:1",
    "S3_ACCESS_KEY": "an-access-key-of-nobody",
    "S3_SECRET_KEY": "a-secret-key-of-nobody",
}


class TapTestCase(TestCase):
    def setUp(self) -> None:
        self.directory = Path(self.mktemp()).resolve()
        self.directory.mkdir()
        self.settings = SETTINGS | {"IMS_DATA_DIR": str(self.directory / "data")}


class ListenerTests(TapTestCase):
    async def test_two_listeners(self) -> None:
        """Both serve everything."""
        certificate = identity("localhost")
        key_file, certificate_file = certificate.write(self.directory)
        process = await start_service(
            self,
            self.settings
            | {
                "HTTPS_KEY_FILE": str(key_file),
                "HTTPS_CERT_FILE": str(certificate_file),
                "HTTP_LISTEN_PORT": "0",
            },
            service="image-management",
        )
        authority = certificate.certificate_pem
        for scheme in ("http", "https"):
            url = process.url("/v3/images", scheme)
            made = await process.client(authority).post(url, json={"name": scheme})
            self.assertEqual(made.code, 201)
            await made.content()
        response = await process.client(authority).get(process.url("/images", "https"))
        self.assertEqual([one["name"] for one in await response.json()], ["http", "https"])


class StartTests(TapTestCase):
    """Starts that fail, each with an error that says all."""

    async def outcome(self, *options: str, **environment: str) -> tuple[str, str, int]:
        """Standard output, standard error and exit status."""
        command = Path(sys.executable).with_name("twistd")
        output, errors, status = await getProcessOutputAndValue(
            str(command),
            ["--nodaemon", "--pidfile=", "image-management", *options],
            base_environment() | self.settings | {"LISTEN_PORT": "0"} | environment,
            str(ROOT),
        )
        return output.decode(), errors.decode(), status

    async def test_wrong_settings(self) -> None:
        output, errors, status = await self.outcome(
            S3_ENDPOINT="", S3_URL_EXPIRATION="604801", IMS_PATH_PREFIX="x"
        )
        self.assertEqual((status, errors), (1, ""))
        told = output.partition("3 settings are wrong:\n")[2].splitlines()
        names = [line.partition(":")[0].strip() for line in told]
        self.assertEqual(names, ["S3_ENDPOINT", "S3_URL_EXPIRATION", "IMS_PATH_PREFIX"])

    async def test_local_jobs_without_tools(self) -> None:
        """Each that is missing is named, with its package."""
        output, errors, status = await self.outcome(
            IMS_JOB_BACKEND="local", PATH=str(self.directory), IMS_KIWI="kiwi-of-nobody"
        )
        self.assertEqual((status, errors), (1, ""))
        for told in (
            "unsquashfs, of the package squashfs-tools",
            "mksquashfs, of the package squashfs-tools",
            "bwrap, of the package bubblewrap",
            "kiwi-of-nobody, of the Python package kiwi",
        ):
            self.assertIn(f"local jobs need {told}", output)

    async def test_local_jobs_without_name_spaces(self) -> None:
        """As in a container that may not make any: not every job fails, but the start."""
        there = ("unsquashfs", "mksquashfs", "bwrap", "setsid", "prlimit", "rm", "du", "kiwi-ng")
        stubs = dict.fromkeys(there, "exit 0")
        stubs |= {"setpriv": 'shift; exec "$@"', "unshare": "echo no, never >&2; exit 1"}
        for name, script in stubs.items():
            stub = self.directory / name
            stub.write_text(f"#!/bin/sh\n{script}\n")
            stub.chmod(0o755)
        output, errors, status = await self.outcome(
            IMS_JOB_BACKEND="local", PATH=str(self.directory)
        )
        self.assertEqual((status, errors), (1, ""))
        self.assertIn("process and mount name spaces of their own: no, never; expected", output)

    async def test_store_in_use(self) -> None:
        """One process has the embedded database."""
        await start_service(self, self.settings, service="image-management")
        output, errors, status = await self.outcome()
        self.assertEqual((status, errors), (1, ""))
        lines = [json.loads(line) for line in output.splitlines()]
        (fatal,) = (line for line in lines if line["level"] == "critical")
        self.assertIn(str(self.directory / "data"), fatal["message"])
        self.assertNotIn("Traceback", output)

    async def test_version(self) -> None:
        outcome = await self.outcome("--version", S3_ENDPOINT="", PATH=os.environ["PATH"])
        self.assertEqual(outcome, (f"image-management {__version__}\n", "", 0))
