"""URLs that hold until a time: what they lead to, and what does not fit them."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from hashlib import sha256

from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from assisted_images.infra_envs.configurations import ConfigurationRequest
from assisted_images.routes.signed_urls import SignedUrls
from assisted_images.routes.tree import make_site
from assisted_images.secrets import REDACTION
from assisted_images.values import Configuration
from httpd.web.problems import Problem
from tests.assisted_images.routes.application import (
    CONFIGURATION,
    ID,
    IMAGE,
    OPENSHIFT,
    VERSION,
)
from tests.assisted_images.routes.routes import BAD, TOKEN, RoutesTestCase
from tests.httpd.web.serving import Lines, listen
from tests.properties import given

KEY = bytes(range(32))
NOW = 1_800_000_000
EXPIRY = NOW + 3600


odd_texts = st.text("ab/.%\x00ü", max_size=3)


class SignaturesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.urls = SignedUrls(KEY, lambda: NOW)

    def read(self, path: str) -> tuple[str, list[str]]:
        empty, first, signature, *parts = path.split("/")
        self.assertEqual((empty, first), ("", "bysig"))
        return signature, parts

    def test_form(self) -> None:
        """It is short, and needs no escapes."""
        path = self.urls.path(["a", "b.iso"], EXPIRY)
        self.assertTrue(re.fullmatch(rf"/bysig/{EXPIRY}\.[\w-]{{22}}/a/b\.iso", path), path)

    @given(
        st.lists(st.text("ab/.%\x00ü", max_size=3), min_size=1, max_size=4), st.integers(0, 10**9)
    )
    def test_each_has_its_own(self, parts: list[str], expiry: int) -> None:
        signature, _ = self.read(self.urls.path(parts, expiry))
        self.assertEqual(self.urls.expiry(signature, parts), expiry)
        for other in ([*parts, ""], ["/".join(parts), "x"], [*parts[:-1], parts[-1] + "a"]):
            with self.assertRaises(Problem) as raised:
                self.urls.expiry(signature, other)
            self.assertEqual(raised.exception.status, 403)

    def test_nothing_else_fits(self) -> None:
        parts = ["a", "b"]
        signature, _ = self.read(self.urls.path(parts, EXPIRY))
        expiry, _, made = signature.partition(".")
        other = SignedUrls(bytes(32), lambda: NOW)
        for wrong in (
            f"{EXPIRY + 1}.{made}",
            f"0{expiry}.{made}",
            f"{expiry}.{made[:-1]}{'A' if made[-1] != 'A' else 'Q'}",
            # Bits that base64 has no use for are no second spelling.
            *(f"{expiry}.{made[:-1]}{last}" for last in "BCDEFGHIJK" if last != made[-1]),
            f"{expiry}.{made[:-1]}",
            f"{expiry}.{made}=",
            f"{expiry}.",
            made,
            f"٣{expiry[1:]}.{made}",
            f"{expiry}.{'é' * 22}",
            self.read(other.path(parts, EXPIRY))[0],
            "",
        ):
            with self.assertRaises(Problem) as raised:
                self.urls.expiry(wrong, parts)
            self.assertEqual(raised.exception.status, 403, wrong)
            self.assertNotIn(made, raised.exception.detail)

    def test_until(self) -> None:
        self.urls.require_holds(NOW + 1)
        for over in (NOW, 0):
            with self.assertRaises(Problem) as raised:
                self.urls.require_holds(over)
            self.assertEqual(raised.exception.status, 410)
        self.assertIn("1970-01-01 00:00:00 UTC", raised.exception.detail)


class Waiting:
    """An infra-env source that takes its time."""

    def __init__(self) -> None:
        self.asked: Deferred[None] = Deferred()
        self.goes_on: Deferred[None] = Deferred()

    async def configuration(self, request: ConfigurationRequest) -> Configuration:
        self.asked.callback(None)
        await self.goes_on
        return CONFIGURATION


class SignedRoutesTestCase(RoutesTestCase):
    only = True

    def setUp(self) -> None:
        super().setUp()
        self.now = float(NOW)
        self.urls = SignedUrls(KEY, lambda: self.now)
        self.log = Lines()
        self.application = replace(
            self.application,
            signed_urls=self.urls,
            signed_urls_only=self.only,
            request_log=self.log,
        )
        self.port = listen(self, make_site(self.application, rest_at=self.rest_at))

    def signed(self, *parts: str, expiry: int = EXPIRY) -> str:
        return self.urls.path([ID, *parts], expiry)


class SignedRoutesTests(SignedRoutesTestCase):
    """Where nothing with a configuration is served by other URLs."""

    async def test_leads_to_the_same(self) -> None:
        other = replace(self.application, signed_urls=None)
        port, self.port = self.port, listen(self, make_site(other))
        query = f"version={OPENSHIFT}"
        expected = [
            await self.get(path)
            for path in (
                f"/byid/{ID}/{OPENSHIFT}/x86_64/full.iso",
                f"/byid/{ID}/{OPENSHIFT}/x86_64/minimal.iso",
                f"/byid/{ID}/{OPENSHIFT}/x86_64/disconnected.iso",
                f"/images/{ID}/pxe-initrd?{query}",
                f"/images/{ID}/s390x-initrd-addrsize?{query}",
            )
        ]
        self.port = port
        for same, parts in zip(
            expected,
            (
                (OPENSHIFT, "x86_64", "full.iso"),
                (OPENSHIFT, "x86_64", "minimal.iso"),
                (OPENSHIFT, "x86_64", "disconnected.iso"),
                (OPENSHIFT, "x86_64", "pxe-initrd"),
                (OPENSHIFT, "s390x", "s390x-initrd-addrsize"),
            ),
            strict=True,
        ):
            path = self.signed(*parts)
            answer = await self.get(path)
            self.assertEqual((same.status, answer.status), (200, 200), path)
            for field in ("etag", "content-type", "content-disposition", "cache-control"):
                self.assertEqual(answer.header(field), same.header(field), path)
            self.assertEqual(answer.body, same.body)
            checksum = await self.get(f"{path}.sha256")
            self.assertEqual(checksum.text, f"{sha256(same.body).hexdigest()}  {parts[-1]}\n")

    async def test_a_script_has_signed_links(self) -> None:
        """That hold as long; what has no configuration is as ever."""
        script = await self.get(self.signed(OPENSHIFT, "x86_64", "ipxe-script"))
        [initrd] = re.findall(r"^initrd --name initrd (\S+)$", script.text, re.MULTILINE)
        path = self.signed(VERSION, "x86_64", "pxe-initrd")
        self.assertEqual(initrd, f"http://127.0.0.1:{self.port}{path}")
        self.assertEqual((await self.get(path)).status, 200)
        [kernel] = re.findall(r"^kernel http://[^/]*(\S+)", script.text, re.MULTILINE)
        self.assertEqual((await self.get(kernel)).status, 200)

    async def test_others_are_refused(self) -> None:
        for path in (
            f"/byid/{ID}/{OPENSHIFT}/x86_64/full.iso",
            f"/byid/{ID}/{OPENSHIFT}/x86_64/full.iso.sha256",
            f"/bytoken/{TOKEN}/{OPENSHIFT}/x86_64/full.iso",
            f"/byapikey/{TOKEN}/{OPENSHIFT}/x86_64/full.iso",
            f"/images/{ID}?version={OPENSHIFT}&type=full-iso",
            f"/images/{ID}/pxe-initrd?version={OPENSHIFT}",
            f"/images/{ID}/pxe-initrd.sha256?version={OPENSHIFT}",
            f"/images/{ID}/s390x-initrd-addrsize?version={OPENSHIFT}",
            f"/images/{ID}/ipxe-script?version={OPENSHIFT}",
        ):
            await self.assert_problem(path, 403, "signed URLs only")
        self.assertEqual(self.infra_envs.asked, [])
        kernel = await self.get(f"/boot-artifacts/kernel?version={OPENSHIFT}")
        self.assertEqual(kernel.status, 200)

    async def test_changed(self) -> None:
        path = self.signed(OPENSHIFT, "x86_64", "full.iso")
        for other in (
            path.replace("full", "minimal"),
            path.replace(OPENSHIFT, VERSION),
            path.replace(ID, ID[::-1]),
            path.replace("x86_64", "amd64"),
            path.replace(str(EXPIRY), str(EXPIRY + 1)),
            path.replace("/full.iso", "/pxe-initrd"),
        ):
            await self.assert_problem(other, 403, "the signature is not of this path")
        short = path.replace(f"/bysig/{EXPIRY}", "/bysig/")
        await self.assert_problem(short, 403, "the signature in the path cannot be read")

    async def test_escapes(self) -> None:
        """They are no part of what is signed (RFC 3986, section 6.2.2)."""
        path = self.signed(OPENSHIFT, "x86_64", "full.iso").replace("full", "f%75ll")
        self.assertEqual((await self.get(path)).status, 200)

    async def test_until(self) -> None:
        """Each request counts; of what has begun nobody asks any more."""
        path = self.signed(OPENSHIFT, "x86_64", "full.iso")
        head = {"Range": "bytes=0-9"}
        self.assertEqual((await self.get(path, head)).status, 206)
        self.now = EXPIRY
        for again, method in ((path, "GET"), (path, "HEAD"), (f"{path}.sha256", "GET")):
            answer = await self.get(again, head, method)
            self.assertEqual(answer.status, 410, again)
        await self.assert_problem(path, 410, "this URL held until 2027-01-15 09:00:00 UTC")
        script = self.signed(OPENSHIFT, "x86_64", "ipxe-script")
        await self.assert_problem(script, 410, "get another")

    async def test_what_has_begun_goes_on(self) -> None:
        """The URL ends while the configuration is being fetched."""
        waiting = Waiting()
        self.port = listen(self, make_site(replace(self.application, infra_envs=waiting)))
        path = self.signed(OPENSHIFT, "x86_64", "full.iso")
        asked = Deferred.fromCoroutine(self.get(path))
        await waiting.asked
        self.now = EXPIRY
        await self.assert_problem(path, 410, "get another")
        waiting.goes_on.callback(None)
        answer = await asked
        self.assertEqual((answer.status, len(answer.body)), (200, len(IMAGE)))

    async def test_other_refusals(self) -> None:
        """Of what makes no sense although it was signed."""
        for parts, status, text in (
            ((OPENSHIFT, "x86_64", "huge.iso"), 404, "unrecognized file name 'huge.iso'"),
            (("9.9", "x86_64", "full.iso"), 404, "not found"),
            (("9.9", "x86_64", "pxe-initrd"), 404, "not found"),
            ((OPENSHIFT, "mips", "full.iso"), 404, "unknown CPU architecture"),
            ((BAD, "x86_64", "full.iso"), 503, "is "),
        ):
            await self.assert_problem(self.signed(*parts), status, text)
        path = self.urls.path(["other", OPENSHIFT, "x86_64", "full.iso"], EXPIRY)
        await self.assert_problem(path, 404, "lower-case UUID")

    async def test_a_signature_is_told_to_nobody(self) -> None:
        path = self.signed(OPENSHIFT, "x86_64", "full.iso")
        signature = path.split("/")[2]
        told = []
        for asked, status in (
            (path, 200),
            (f"{path}.sha256", 200),
            (path.replace("full", "other"), 403),
            (path.rpartition("/")[0], 404),
        ):
            answer = await self.get(asked)
            self.assertEqual(answer.status, status, asked)
            if status >= 400:
                told.append(answer.text)
        told.append((await self.get("/metrics")).text)
        told += [REDACTION.redacted(json.dumps(line)) for line in self.log.written]
        self.assertEqual([text for text in told if signature in text], [])
        self.assertIn('handler="/bysig/:signature.sha256"', "".join(told))


class BothTests(SignedRoutesTestCase):
    """With C{SIGNED_URLS_ONLY=false}."""

    only = False

    async def test_both(self) -> None:
        for path in (
            f"/byid/{ID}/{OPENSHIFT}/x86_64/full.iso",
            self.signed(OPENSHIFT, "x86_64", "full.iso"),
        ):
            self.assertEqual((await self.get(path)).status, 200, path)


class PlainListenerTests(SignedRoutesTestCase):
    """Beside a TLS listener."""

    rest_at = "port 8443"

    async def test_what_boots(self) -> None:
        for file, status in (
            ("pxe-initrd", 200),
            ("pxe-initrd.sha256", 200),
            ("ipxe-script", 200),
            ("full.iso", 404),
            ("full.iso.sha256", 404),
            ("s390x-initrd-addrsize", 404),
        ):
            name = file.removesuffix(".sha256")
            path = self.signed(OPENSHIFT, "x86_64", name) + file.removeprefix(name)
            self.assertEqual((await self.get(path)).status, status, file)


class WithoutKeyTests(RoutesTestCase):
    async def test_no_such_path(self) -> None:
        path = SignedUrls(KEY).path([ID, OPENSHIFT, "x86_64", "full.iso"], EXPIRY)
        await self.assert_problem(path, 404, "there is nothing at this path")
