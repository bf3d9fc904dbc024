"""C{assisted-images} as a process: run, checked, and given infra-envs."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Mapping
from pathlib import Path
from subprocess import PIPE, Popen

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from twisted.internet.threads import deferToThread

from demo.service import ROOT
from tests.assisted_images.downloads.origin import Origin
from tests.certificates import identity
from tests.coreos_reader import CoreosIso
from tests.engines.nginx_origin import NginxOrigin
from tests.engines.redis_server import start_redis
from tests.field.command_case import IGNITION, CommandTestCase
from tests.field.images import file_name, os_images
from tests.field.service import INFRA_ENV_ID, SECONDS
from tests.running import base_environment, console_script

_SECRET = "a-secret-that-nobody-may-see"


class ServeTests(CommandTestCase):
    async def test_wrong_settings(self) -> None:
        output, errors = await self.run_command("serve", "--listen-port", "99999", status=1)
        self.assertEqual(output, b"")
        self.assertTrue(errors.startswith("assisted-images serve: assisted-images cannot start, "))
        self.assertIn("LISTEN_PORT: '99999'; expected a whole number from 0 to 65535", errors)
        self.assertTrue(errors.endswith("\nHelp: assisted-images serve --help\n"))

    async def test_unknown_option(self) -> None:
        output, errors = await self.run_command("serve", "--port", "1", status=1)
        self.assertEqual(output, b"")
        self.assertEqual(
            errors,
            "assisted-images serve: option --port not recognized\n"
            "Help: assisted-images serve --help\n",
        )

    async def test_it_serves(self) -> None:
        """Until SIGTERM."""
        infra_envs = self.directory()
        settings = os_images({"version": "1", "url": "http://127.0.0.1:1/nobody"}) | {
            "DATA_DIR": str(self.data),
            "INFRA_ENVS_DIR": str(infra_envs),
            "IMAGE_SERVICE_BASE_URL": "http://images.example",
            "LISTEN_PORT": "0",
        }
        await deferToThread(self.serve_until_told, base_environment() | settings)

    def serve_until_told(self, environment: Mapping[str, str]) -> None:
        command = console_script("assisted-images", "serve")
        with Popen(command, stdout=PIPE, env=environment, cwd=ROOT) as process:
            assert process.stdout is not None
            lines = (line for line in process.stdout if b'"state"' in line)
            self.assertIn(b"downloading", next(lines))
            process.terminate()
            self.assertEqual(process.wait(SECONDS), 0)

    async def test_help(self) -> None:
        output, _ = await self.run_command("serve", "--help")
        self.assertTrue(output.startswith(b"Usage: assisted-images serve [options]\n"))
        self.assertIn(b"--listen-port", output)
        output, _ = await self.run_command("--help")
        self.assertIn(b"run the service in the foreground", output)


class CheckConfigTests(CommandTestCase):
    async def found(self, status: int, **settings: str) -> list[tuple[str, bool, str]]:
        """The rows of the table."""
        own = {"DATA_DIR": str(self.data), "IMAGE_SERVICE_BASE_URL": "http://images.example"}
        if "ASSISTED_SERVICE_HOST" not in settings:
            own["INFRA_ENVS_DIR"] = str(self.directory())
        output, errors = await self.run_command(
            "check-config", "--json", status=status, **own, **settings
        )
        self.assertEqual(errors, "")
        self.assertNotIn(_SECRET.encode(), output)
        return [(row["what"], row["right"], row["text"]) for row in json.loads(output)]

    async def test_all_is_there(self) -> None:
        origin = NginxOrigin(self)
        (origin.files / "1.iso").write_bytes(self.content)
        key, certificate = identity("localhost").write(self.directory())
        whole = self.serve(Origin(self.content, ranges=False))
        host = origin.url("").removeprefix("http://").rstrip("/")
        rows = await self.found(
            0,
            **os_images(
                {"version": "1", "url": origin.url("1.iso")},
                {"version": "2", "url": f"{whole.url}/2.iso?key={_SECRET}"},
            ),
            ASSISTED_SERVICE_HOST=host,
            HTTPS_KEY_FILE=str(key),
            HTTPS_CERT_FILE=str(certificate),
        )
        self.assertEqual({right for _, right, _ in rows}, {True})
        texts = {what: text for what, _, text in rows}
        self.assertIn(f"{len(self.content) / (1 << 20):.1f} MiB", texts["image 1 x86_64"])
        self.assertIn("to be fetched whole", texts["image 2 x86_64"])
        self.assertIn(f"http://{host} answers", texts["assisted-service"])
        self.assertIn("until", texts["certificate"])
        self.assertIn("GiB free", texts["DATA_DIR"])

    async def test_redis(self) -> None:
        """Whether it answers, and who has been there."""
        redis = await start_redis(self, password=_SECRET)
        key_file, other_key = (self.directory() / "key" for _ in range(2))
        for file in (key_file, other_key):
            file.write_text(base64.b64encode(secrets.token_bytes(32)).decode())
        origin = NginxOrigin(self)
        (origin.files / "1.iso").write_bytes(self.content)
        host = origin.url("").removeprefix("http://").rstrip("/")
        settings = {
            **os_images({"version": "1", "url": origin.url("1.iso")}),
            "ASSISTED_SERVICE_HOST": host,
            "CONFIG_CACHE_URL": redis.url,
            "CONFIG_CACHE_KEY_FILE": str(key_file),
        }

        async def text(status: int, **changed: str) -> str:
            rows = await self.found(status, **settings | changed)
            return next(text for what, _, text in rows if what == "Redis")

        place = f"localhost:{redis.port}"
        self.assertEqual(await text(0), f"{place} answers")
        await self.start(settings, local=False, healthy=True)
        self.assertEqual(await text(0), f"{place} answers")
        other = await text(0, CONFIG_CACHE_KEY_FILE=str(other_key))
        self.assertEqual(other, f"{place} answers; a replica has come there with another key")
        refused = await text(1, CONFIG_CACHE_URL=f"redis://{place}")
        self.assertEqual(refused, "it refuses what it is asked for (NOAUTH)")
        await redis.kill()
        self.assertIn("refused", await text(1))

    async def test_what_is_not(self) -> None:
        """The rest is looked at all the same."""
        nobody = {"version": "1", "url": f"http://user:{_SECRET}@127.0.0.1:1/nobody"}
        rows = await self.found(1, **os_images(nobody), ASSISTED_SERVICE_HOST="127.0.0.1:1")
        wrong = {what for what, right, _ in rows if not right}
        self.assertEqual(wrong, {"image 1 x86_64", "assisted-service"})

    async def test_wrong_settings(self) -> None:
        rows = await self.found(1, LISTEN_PORT="x", WORKERS="0")
        self.assertEqual([what for what, _, _ in rows], ["settings"] * 2)
        self.assertIn("LISTEN_PORT: 'x'; expected", rows[0][2])

    async def test_as_a_text(self) -> None:
        output, _ = await self.run_command("check-config", "--listen-port", "x", status=1)
        self.assertTrue(output.startswith(b"WRONG  settings  "), output)


class InfraEnvTests(CommandTestCase):
    def keys(self) -> tuple[Path, str]:
        """The file of a public key, beside that of the private one; and what is in it."""
        private = Ed25519PrivateKey.generate()
        line = private.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
        file = self.directory() / "id_ed25519.pub"
        file.write_text(f"{line} somebody\n")
        secret = private.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
        file.with_suffix("").write_bytes(secret)
        return file, line

    async def test_one_that_is_served(self) -> None:
        infra_envs, (file, key) = self.directory(), self.keys()
        platform = ("--kargs-replace", "ignition.platform.id=metal=qemu")
        edits = (*platform, "--kargs", "a=1", "--kargs-delete", "ignition.firstboot")
        output, errors = await self.run_command(
            "infra-env", "new", "--ssh-key", str(file), *edits, str(infra_envs)
        )
        self.assertEqual(errors, "")
        [directory] = infra_envs.iterdir()
        self.assertIn(f"/byid/{directory.name}/<version>/<architecture>/full.iso", output.decode())
        (self.data / file_name("1")).write_bytes(self.content)
        images = os_images({"version": "1", "url": "http://127.0.0.1:1/nobody"})
        own = {"INFRA_ENVS_DIR": str(infra_envs)}
        service = await self.start(images | own, local=False, healthy=True)
        iso = await self.get(service, f"/byid/{directory.name}/1/x86_64/full.iso")
        self.assertEqual(iso.status, 200)
        served = self.directory() / "served.iso"
        served.write_bytes(iso.body)
        [user] = json.loads(CoreosIso(served).ignition_config)["passwd"]["users"]
        self.assertEqual(user, {"name": "core", "sshAuthorizedKeys": [f"{key} somebody"]})
        [line] = set(CoreosIso(served).kernel_arguments.values())
        self.assertIn(" ignition.platform.id=qemu ", line)
        self.assertNotIn("ignition.firstboot", line)
        self.assertTrue(line.endswith(" a=1"), line)

    async def test_by_its_id(self) -> None:
        """What is there stays as it is."""
        infra_envs, (file, _) = self.directory(), self.keys()
        options = ("infra-env", "new", "--id", INFRA_ENV_ID, "--ssh-key", str(file))
        await self.run_command(*options, str(infra_envs))
        (infra_envs / INFRA_ENV_ID / "discovery.ign").write_bytes(IGNITION)
        await self.refusal(*options, str(infra_envs))
        self.assertEqual((infra_envs / INFRA_ENV_ID / "discovery.ign").read_bytes(), IGNITION)
        self.assertEqual([one.name for one in infra_envs.iterdir()], [INFRA_ENV_ID])

    async def test_refused(self) -> None:
        """A private key is not shown."""
        infra_envs, (file, _) = self.directory(), self.keys()
        private = file.with_suffix("")
        told = await self.refusal("infra-env", "new", "--ssh-key", str(private), str(infra_envs))
        self.assertIn("is no public SSH key; expected", told)
        self.assertNotIn(private.read_text().splitlines()[1][:20], told)
        for options, expected in (
            (("infra-env",), "no command; expected: assisted-images infra-env new"),
            (("infra-env", "new", "x"), "--ssh-key is missing"),
            (("infra-env", "new", "--ssh-key", "k", "--id", "x", "y"), "--id 'x' is no UUID"),
        ):
            self.assertIn(expected, await self.refusal(*options, status=2))
        self.assertEqual([*infra_envs.iterdir()], [])
