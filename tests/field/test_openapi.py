"""C{docs/reference/openapi.json} says what the service answers, no more and no less."""

from __future__ import annotations

import json
import os
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import jwt
from twisted.internet.utils import getProcessOutputAndValue
from twisted.trial.unittest import TestCase

from assisted_images.infra_envs.configurations import InfraEnvError
from assisted_images.infra_envs.listing import Listing, LocalInfraEnv
from assisted_images.infra_envs.local import LocalInfraEnvs
from assisted_images.pages.overview import Overview
from assisted_images.routes.application import Application
from assisted_images.routes.signed_urls import SignedUrls
from assisted_images.routes.tree import AllWorkers, make_site, route_table
from assisted_images.values import Configuration
from httpd.concurrency.threads import threads_of
from httpd.concurrency.turns import Turns
from tests.assisted_images.kernel_arguments import appended
from tests.assisted_images.pages.overviews import READY
from tests.assisted_images.pages.written import write_infra_env
from tests.assisted_images.routes.application import (
    CONFIGURATION,
    ID,
    OPENSHIFT,
    Images,
    InfraEnvs,
    application,
    content,
    entry,
    layout,
)
from tests.field.images import file_name, noisy_image, os_images
from tests.field.service import INFRA_ENV_ID, FieldTestCase
from tests.httpd.web.serving import ask, listen, reactor

DOCUMENT = Path(__file__).parent.parent.parent / "docs" / "reference" / "openapi.json"
_TOKEN = jwt.encode({"sub": ID}, "k" * 32, algorithm="HS256")
_REST = f"/{OPENSHIFT}/x86_64/full.iso"
_FILE = "/{version}/{arch}/{file}"
_ADDRSIZE = "/images/{infra_env_id}/s390x-initrd-addrsize"
_BOOT_FILES = {"pxe-initrd": "x86_64", "s390x-initrd-addrsize": "s390x", "ipxe-script": "x86_64"}
_HOST = "52-54-00-12-34-56"
_URLS = SignedUrls(bytes(32))
_OPERATIONS = ("/live", "/health", "/status", "/metrics")

PAGES = {
    "/": "/",
    "/page/events": "/page/events",
    "/page/{file}": "/page/page.js",
    "/infra-envs": "/infra-envs",
    "/infra-envs/{infra_env_id}": f"/infra-envs/{ID}",
}

_DOWNLOADS = {
    f"/byid/{{infra_env_id}}{_FILE}": f"/byid/{ID}{_REST}",
    f"/byapikey/{{token}}{_FILE}": f"/byapikey/{_TOKEN}{_REST}",
    f"/bytoken/{{token}}{_FILE}": f"/bytoken/{_TOKEN}{_REST}",
    "/images/{infra_env_id}": f"/images/{ID}?version={OPENSHIFT}&type=full-iso",
    "/images/{infra_env_id}/pxe-initrd": f"/images/{ID}/pxe-initrd?version={OPENSHIFT}",
    _ADDRSIZE: f"/images/{ID}/s390x-initrd-addrsize?version={OPENSHIFT}",
    "/images/{infra_env_id}/ipxe-script": f"/images/{ID}/ipxe-script?version={OPENSHIFT}",
    "/boot-artifacts/{artifact}": f"/boot-artifacts/kernel?version={OPENSHIFT}",
}

_SIGNED = {
    f"/bysig/{{signature}}/{{infra_env_id}}{_FILE}": f"/bysig/x/{ID}{_REST}",
    **{
        f"/bysig/{{signature}}/{{infra_env_id}}/{{version}}/{{arch}}/{file}": (
            f"/bysig/x/{ID}/{OPENSHIFT}/{architecture}/{file}"
        )
        for file, architecture in _BOOT_FILES.items()
    },
}
"""Those that are signed before they are asked for."""


def _signed(url: str, expiry: int = 1 << 36) -> str:
    """A URL that holds, where it is one that has to."""
    if not url.startswith("/bysig/x/"):
        return url
    parts = url.split("/")[3:]
    ending = ".sha256" if parts[-1].endswith(".sha256") else ""
    parts[-1] = parts[-1].removesuffix(ending)
    return _URLS.path(parts, expiry) + ending


def _checksum(url: str) -> str:
    """The URL of the checksum of what another is of."""
    path, mark, query = url.partition("?")
    return f"{path}.sha256{mark}{query}"


_OF_HOST = {
    template.replace("{arch}/", "{arch}/{host}/"): f"/{_HOST}/".join(url.rsplit("/", 1))
    for template, url in (_DOWNLOADS | _SIGNED).items()
    if "{arch}/" in template
}
"""The same by path, for one host."""

_ALL = _DOWNLOADS | _SIGNED | _OF_HOST
DOWNLOADS = _ALL | {_checksum(path): _checksum(url) for path, url in _ALL.items()}
"""A URL for each download that the document has."""

_LOCAL: dict[str, Any] = {
    "local_infra_envs": LocalInfraEnvs(Path(), Turns(threads_of(reactor), reactor, 10)),
    "signed_urls": _URLS,
    "signed_urls_only": False,
}

CONDITIONS: tuple[dict[str, str], ...] = (
    {},
    {"Range": "bytes=0-0"},
    {"Range": "bytes=99999999-"},
    {"If-None-Match": "*"},
    {"If-Match": '"other"'},
)

ANSWERS: tuple[Configuration | InfraEnvError, ...] = (
    InfraEnvError(401, "no"),
    InfraEnvError(500, "broken"),
    InfraEnvError(502, "away"),
    InfraEnvError(504, "slow"),
    Configuration(bytes(100_000), b"", (), None),
    Configuration(b"{}", b"", appended("x" * 1000), None),
    Configuration(b"{}", b"", appended("bad\x01"), None),
)
"""What assisted-service may say."""


class LocalPages(LocalInfraEnvs):
    """Infra-envs whose directory may hang."""

    hangs = False

    async def listing(self, first: int, most: int) -> Listing:
        if self.hangs:
            raise TimeoutError("not within 10 s")
        return await super().listing(first, most)

    async def find(self, infra_env_id: str) -> LocalInfraEnv | None:
        if self.hangs:
            raise TimeoutError("not within 10 s")
        return await super().find(infra_env_id)


def paged(app: Application) -> AllWorkers:
    """With a page."""

    async def everything() -> Overview:
        return READY

    return AllWorkers(app.metrics.exposition, lambda: True, everything)


class DocumentTests(TestCase):
    """Every route and every status, asked for."""

    def setUp(self) -> None:
        self.document: dict[str, Any] = json.loads(DOCUMENT.read_text("utf-8"))
        self.found: defaultdict[str, set[int]] = defaultdict(set)

    def test_routes(self) -> None:
        app = application(Images({entry(): content()}), InfraEnvs(), **_LOCAL)
        children = {route.pattern.split("/")[1] for route in route_table(app, paged(app))}
        self.assertEqual({path.split("/")[1] for path in self.document["paths"]}, children)
        self.assertEqual(set(self.document["paths"]), {*DOWNLOADS, *_OPERATIONS, *PAGES})

    async def note(self, port: int, template: str, url: str, **headers: str) -> None:
        """Ask, and note the status; the fields that are required are there."""
        for method in ("get", "head"):
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            answer = await ask(port, _signed(url), method.upper(), named)
            if method == "get":
                self.found[template].add(answer.status)
            responses = self.document["paths"][template][method]["responses"]
            documented = responses.get(str(answer.status), responses.get("4XX"))
            self.assertIsNotNone(documented, f"{method} {url}: {answer.status}")
            described = self.resolved(documented)
            for field in described.get("headers", {}):
                self.assertIsNotNone(answer.header(field), f"{field} of {answer.status} at {url}")
            kind = (answer.header("content-type") or "").partition(";")[0]
            self.assertIn(kind, {"", *described.get("content", ())}, f"{answer.status} at {url}")

    async def note_refused_signatures(self, port: int, template: str, url: str) -> None:
        """One that has ended, and one of another path."""
        for refused in (_signed(url, 0), url.replace("/x/", "/0.x/")):
            await self.note(port, template, refused)

    def resolved(self, described: dict[str, Any]) -> dict[str, Any]:
        """What a C{$ref} refers to."""
        name = described.get("$ref", "").rpartition("/")[2]
        found: dict[str, Any] = self.document["components"]["responses"].get(name, described)
        return found

    async def test_statuses(self) -> None:
        ready = {entry(): content(), entry("s390x"): content()}
        infra_envs = InfraEnvs()
        app = application(Images(ready), infra_envs, **_LOCAL)
        port = listen(self, make_site(app))
        waiting = application(Images(dict.fromkeys(ready)), infra_envs, **_LOCAL)
        waiting_port = listen(self, make_site(waiting))
        small = content(layout=layout(kernel_arguments=False))
        bare = application(Images({entry(): small, entry("s390x"): small}), infra_envs, **_LOCAL)
        bare_port = listen(self, make_site(bare))
        for path in _OPERATIONS:
            await self.note(port, path, path)
            await self.note(waiting_port, path, path)
        await self.note(port, "/health", "/health?when=most")
        for template, url in DOWNLOADS.items():
            infra_envs.answer = CONFIGURATION
            for condition in CONDITIONS:
                await self.note(port, template, url, **condition)
            await self.note(waiting_port, template, url)
            await self.note(bare_port, template, url)
            for wrong in (
                url.replace(OPENSHIFT, "1.2"),
                url.replace("version=", "other="),
                url.replace(ID, "other").replace(_TOKEN, "other").replace("kernel", "other"),
            ):
                await self.note(port, template, wrong)
            for infra_envs.answer in ANSWERS:
                await self.note(port, template, url)
            if url.startswith("/bysig/"):
                await self.note_refused_signatures(port, template, url)
        self.check_found()

    async def test_pages(self) -> None:
        directory = Path(self.mktemp())
        write_infra_env(directory, ID)
        local = LocalPages(directory, Turns(threads_of(reactor), reactor, 10))
        app = application(Images({entry(): content()}), InfraEnvs(), local_infra_envs=local)
        port = listen(self, make_site(app, paged(app)))
        for template, url in PAGES.items():
            if template == "/page/events":
                self.found[template] = {200, 204}  # it has no end: tests.httpd.pages.test_events
                continue
            await self.note(port, template, url)
        await self.note(port, "/page/{file}", "/page/page.css", If_None_Match="*")
        await self.note(port, "/page/{file}", "/page/other")
        one = "/infra-envs/{infra_env_id}"
        await self.note(port, one, "/infra-envs/other")
        await self.note(port, one, f"/infra-envs/{ID}", Host="a_host")
        for page in ("2", "zero"):
            await self.note(port, "/infra-envs", f"/infra-envs?page={page}")
        local.hangs = True
        await self.note(port, "/infra-envs", "/infra-envs")
        await self.note(port, one, f"/infra-envs/{ID}")
        self.check_found()

    def check_found(self) -> None:
        """Every status was found that is documented, and no other."""
        for template, statuses in self.found.items():
            documented = set(self.document["paths"][template]["get"]["responses"])
            shown = {
                "4XX" if str(status) not in documented and status < 500 else str(status)
                for status in statuses
            }
            self.assertEqual(shown, documented, template)


class FuzzingTests(FieldTestCase):
    """schemathesis, a client that makes up requests from the document, and the live service."""

    timeout = 300

    async def test_schemathesis(self) -> None:
        """
        Whatever it asks is answered as the document says, and never by 5xx: every image is ready
        and there is no assisted-service that could fail.
        """
        (self.data / file_name("1")).write_bytes(noisy_image(1 << 20))
        service = await self.start(
            os_images({"version": "1", "url": "http://127.0.0.1:1/nobody"}), healthy=True
        )
        document = json.loads(DOCUMENT.read_text("utf-8"))
        # What exists, so that requests get further than to 404.
        for name, exists in {
            "InfraEnvId": INFRA_ENV_ID,
            "Token": jwt.encode({"sub": INFRA_ENV_ID}, "k" * 32, algorithm="HS256"),
            "Version": "1",
            "QueryVersion": "1",
            "Architecture": "x86_64",
        }.items():
            document["components"]["parameters"][name]["example"] = exists
        del document["paths"]["/page/events"]  # it has no end
        directory = self.directory()
        described = directory / "openapi.json"
        described.write_text(json.dumps(document))
        output, errors, status = await getProcessOutputAndValue(
            str(Path(sys.executable).with_name("schemathesis")),
            [
                "run",
                str(described),
                f"--url={service.url('')}",
                "--phases=examples,coverage,fuzzing",
                "--max-examples=15",
                # It cannot sign; and what is for one host is like what is for all.
                "--exclude-path-regex=^/bysig/|[{]host[}]",
                "--seed=4",
                "--workers=2",
                "--checks=not_a_server_error,status_code_conformance,content_type_conformance,"
                "response_headers_conformance,response_schema_conformance,unsupported_method",
                "--no-color",
            ],
            {"PATH": os.environ["PATH"], "HOME": str(directory), "LC_ALL": "C.UTF-8"},
            str(directory),
        )
        text = (output + errors).decode("utf-8", "replace")
        self.assertEqual(status, 0, text[-8000:])
        print(" ".join(text.partition("SUMMARY")[2].split())[:600])
        self.assertTrue([event for event in service.events if event.get("status") == 206])
