"""The client of registries against servers that do what no registry should."""

from __future__ import annotations

import gzip
import hashlib
import json
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qs

import trustme
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import ITCPTransport
from twisted.internet.task import Clock, deferLater

from assisted_images.oci.manifests import MOST_BYTES, Descriptor, Manifest
from assisted_images.oci.mirrors import Place
from assisted_images.oci.references import PullSpec
from assisted_images.registries.registry import ContainerImage, Registries
from httpd.outbound.credentials import basic_credentials
from httpd.outbound.failures import DownloadError
from tests.httpd.outbound.servers import Answer, Received, Server, always, response, trial_reactor
from tests.registries.case import SOURCE, RegistryTestCase, pull_secret, registries_conf

_INDEX = "application/vnd.oci.image.index.v1+json"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
BLOB = bytes(range(256)) * 16


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@dataclass
class Contents:
    """Answers with what is at the last part of a path, as a registry that knows nothing else."""

    by_name: dict[str, bytes] = field(default_factory=dict)
    media_type: str = _MANIFEST
    asked: list[str] = field(default_factory=list)

    def __call__(self, received: Received, transport: ITCPTransport) -> None:
        self.asked.append(received.path)
        content = self.by_name.get(received.path.rpartition("/")[2])
        if content is None:
            transport.write(response("404 Not Found"))
        else:
            transport.write(response(body=content, Content_Type=self.media_type))


class HostileTestCase(RegistryTestCase):
    timeout = 30

    def peer(self, answer: Answer, address: str = "127.0.0.1") -> tuple[Server, str]:
        """A server in a registry's place; with TLS, which is what a client tries first."""
        server = self.serve(answer, trustme.CA().issue_cert("localhost", "::1"), address)
        return server, f"{server.host}:{server.port}"

    def client(self, place: str, **more: Any) -> Registries:
        return self.registries(conf=registries_conf(place), **more)

    async def refused(self, answer: Answer, **more: Any) -> str:
        """Why a manifest cannot be had."""
        _, place = self.peer(answer)
        spec = PullSpec.parse(f"{place}/a/b:tag")
        return await self.failure(self.client(place, **more).manifest(spec), DownloadError)


class ManifestTests(HostileTestCase):
    """Manifests that are none, or others."""

    async def test_too_large(self) -> None:
        """With a length that says so, and without."""
        large = b" " * (MOST_BYTES + 1)
        text = await self.refused(always(response(body=large)))
        self.assertIn(f"more than {MOST_BYTES} bytes", text)

        def chunked(received: Received, transport: ITCPTransport) -> None:
            head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            transport.write(head + b"%x\r\n%b\r\n0\r\n\r\n" % (len(large), large))

        self.assertIn(f"more than {MOST_BYTES} bytes", await self.refused(chunked))

    async def test_not_what_its_header_says(self) -> None:
        other = digest_of(b"other")
        text = await self.refused(always(response(body=b"{}", Docker_Content_Digest=other)))
        self.assertIn(other, text)
        self.assertIn(digest_of(b"{}"), text)
        text = await self.refused(always(response(body=b"{}", Docker_Content_Digest="md5:1")))
        self.assertIn("Docker-Content-Digest is not a digest", text)

    async def test_coded(self) -> None:
        """Neither a manifest nor a token is decoded, so neither can be half a one."""
        coded = response(body=gzip.compress(b"{}"), Content_Encoding="gzip")
        self.assertIn("the content coding 'gzip'; expected none", await self.refused(always(coded)))
        tokens = self.serve(always(coded))
        challenge = f'Bearer realm="{tokens.url}"'
        refusal = response("401 Unauthorized", WWW_Authenticate=challenge)
        text = await self.refused(always(refusal))
        self.assertIn(f"{tokens.url} cannot be had: its answer has the content coding", text)

    async def test_ipv6(self) -> None:
        """In a pull spec, in registries.conf and in a token's realm."""
        tokens = self.serve(always(response(body=b'{"token": "abc"}')), address="::1")

        def answer(received: Received, transport: ITCPTransport) -> None:
            if received.headers.get("authorization") == "Bearer abc":
                transport.write(response(body=b'{"manifests": []}', Content_Type=_INDEX))
                return
            challenge = f'Bearer realm="{tokens.url}/t"'
            transport.write(response("401 Unauthorized", WWW_Authenticate=challenge))

        server, place = self.peer(answer, "::1")
        self.assertTrue(place.startswith("[::1]:"))
        spec = PullSpec.parse(f"{place}/a/b:tag")
        client = self.client(place, secret=pull_secret(place))
        await client.manifest(spec)
        self.assertEqual(server.requests[0].headers["host"], place)
        self.assertIn("authorization", tokens.requests[0].headers)

        mirrored = self.registries(conf=registries_conf(SOURCE, place, blocked=True))
        await mirrored.manifest(PullSpec.parse(f"{SOURCE}/a/b:tag"))

    async def test_nonsense(self) -> None:
        for body in (b"", b"<html>", b"[]", b"{}", b'{"manifests": 7}', b"\xff" * 100):
            self.assertIn("expected", await self.refused(always(response(body=body))))

    async def test_redirected_for_ever(self) -> None:
        text = await self.refused(always(response("302 Found", Location="/v2/")))
        self.assertIn("more than 10 redirects", text)

    async def test_server_errors(self) -> None:
        for status in ("500 Internal", "429 Slow down", "302 Nowhere", "400 Bad"):
            self.assertIn(f"answers {status[:3]}", await self.refused(always(response(status))))
        self.assertIn("denies a/b (403)", await self.refused(always(response("403 No"))))


class PatienceTests(HostileTestCase):
    """How long a registry wants to be left alone goes with the error."""

    async def patience(self, registries: Registries, spec: PullSpec) -> float:
        try:
            await registries.manifest(spec)
        except DownloadError as error:
            return error.retry_after
        raise AssertionError("no error")

    async def test_registries(self) -> None:
        """Of several the one that asks for most."""
        for status in ("429 Slow down", "503 Busy"):
            places = [
                self.peer(always(answer))[1]
                for answer in (
                    response(status, Retry_After="10"),
                    response(status, Retry_After="30"),
                    response("404 Not Found", Retry_After="90"),
                )
            ]
            conf = registries_conf(SOURCE, *places, blocked=True)
            spec = PullSpec.parse(f"{SOURCE}/a/b:tag")
            self.assertEqual(await self.patience(self.registries(conf=conf), spec), 30)

    async def test_token_service(self) -> None:
        tokens = self.serve(always(response("429 Slow down", Retry_After="10")))
        challenge = f'Bearer realm="{tokens.url}"'
        refusal = response("401 Unauthorized", WWW_Authenticate=challenge)
        _, place = self.peer(always(refusal))
        spec = PullSpec.parse(f"{place}/a/b:tag")
        self.assertEqual(await self.patience(self.client(place), spec), 10)


class ChallengeTests(HostileTestCase):
    """Registries and token services that ask for odd things."""

    async def test_unknown_scheme(self) -> None:
        for challenge in ("Negotiate", "", "Digest realm=x"):
            refusal = response("401 Unauthorized", WWW_Authenticate=challenge)
            self.assertIn("expected Basic or Bearer", await self.refused(always(refusal)))

    async def test_realms(self) -> None:
        for realm in ("", "ftp://x", "/token", "https://", "http://[", "https://a:b", "a b"):
            challenge = f'Bearer realm="{realm}"'
            refusal = response("401 Unauthorized", WWW_Authenticate=challenge)
            text = await self.refused(always(refusal))
            self.assertIn("expected an https URL as realm", text)

    async def test_answers(self) -> None:
        """What is no token does not get into a request."""
        for body in (
            b"",
            b"[]",
            b'{"token": 7}',
            b'{"token": "a\\r\\nb"}',
            b'{"token": ""}',
            b'{"expires_in": "x"}',
            b"\xff",
        ):
            tokens = self.serve(always(response(body=body)))
            challenge = f'Bearer realm="{tokens.url}/t?key=swordfish"'
            refusal = response("401 Unauthorized", WWW_Authenticate=challenge)
            text = await self.refused(always(refusal))
            self.assertIn("sent no token", text)
            self.assertNotIn("swordfish", text)
            self.assertIn("/t?key=swordfish&scope=repository", tokens.requests[0].target)

    async def test_large_answer(self) -> None:
        tokens = self.serve(always(response(body=b" " * (2 << 20))))
        challenge = f'Bearer realm="{tokens.url}"'
        refusal = response("401 Unauthorized", WWW_Authenticate=challenge)
        self.assertIn("more than", await self.refused(always(refusal)))

    async def test_access_token(self) -> None:
        """The token's other name (token.md)."""
        tokens = self.serve(always(response(body=b'{"access_token": "abc"}')))

        def answer(received: Received, transport: ITCPTransport) -> None:
            if received.headers.get("authorization") == "Bearer abc":
                transport.write(response("404 Not Found"))
                return
            challenge = f'Bearer realm="{tokens.url}"'
            transport.write(response("401 Unauthorized", WWW_Authenticate=challenge))

        self.assertIn("(404)", await self.refused(answer))

    async def asked(self, *challenges: str, secret: str | None) -> tuple[str | None, str]:
        """What a registry with these challenges is sent then, and what is said at the end."""
        lines = "".join(f"WWW-Authenticate: {one}\r\n" for one in challenges)
        refusal = f"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n{lines}\r\n".encode()

        def answer(received: Received, transport: ITCPTransport) -> None:
            known = "authorization" in received.headers
            transport.write(response("404 Not Found") if known else refusal)

        server, place = self.peer(answer)
        text = None if secret is None else json.dumps({"auths": {place: json.loads(secret)}})
        spec = PullSpec.parse(f"{place}/a/b:tag")
        failing = self.client(place, secret=text).manifest(spec)
        said = await self.failure(failing, DownloadError)
        return server.requests[-1].headers.get("authorization"), said

    async def test_first_that_can_be_done(self) -> None:
        """In whatever order, in one field or in several, with odd ones among them."""
        tokens = self.serve(always(response(body=b'{"token": "abc"}')))
        bearer = f'Bearer realm="{tokens.url}/t",service="s"'
        basic, odd, bad = 'Basic realm="x"', "Negotiate YII==", 'Bearer realm="ftp://x"'
        login = json.dumps({"username": "me", "password": "x"})
        mine = basic_credentials("me", "x")
        for challenges, secret, sent in [
            ((basic, bearer), login, mine),
            ((bearer, basic), login, "Bearer abc"),
            ((basic, bearer), None, "Bearer abc"),
            ((odd, basic), login, mine),
            ((odd, bad, basic), login, mine),
            ((bad, bearer), login, "Bearer abc"),
            ((basic, bearer), '{"identitytoken": "i"}', "Bearer abc"),
            ((basic, bad), '{"registrytoken": "r"}', "Bearer r"),
        ]:
            for written in (challenges, (", ".join(challenges),)):
                authorization, _ = await self.asked(*written, secret=secret)
                self.assertEqual(authorization, sent, (written, secret))
        for challenges, told in [
            ((basic, odd), "no matching entry"),
            ((odd, bad), "expected an https URL as realm"),
            ((odd,), "expected Basic or Bearer"),
        ]:
            authorization, said = await self.asked(*challenges, secret=None)
            self.assertIsNone(authorization)
            self.assertIn(told, said)

    async def test_identity_token(self) -> None:
        """It goes to the token service in a form, and to nobody that this redirects to."""
        tokens = self.serve(always(response(body=b'{"access_token": "abc"}')))
        bearer = f'Bearer realm="{tokens.url}/t",service="s"'
        secret = json.dumps({"auth": "MDA6", "identitytoken": "s3cr3t&="})
        authorization, _ = await self.asked(bearer, secret=secret)
        self.assertEqual(authorization, "Bearer abc")
        [asked] = tokens.requests
        self.assertEqual((asked.method, asked.target), ("POST", "/t"))
        self.assertNotIn("authorization", asked.headers)
        self.assertEqual(asked.headers["content-type"], "application/x-www-form-urlencoded")
        self.assertEqual(
            parse_qs(asked.body.decode()),
            {
                "scope": ["repository:a/b:pull"],
                "service": ["s"],
                "grant_type": ["refresh_token"],
                "refresh_token": ["s3cr3t&="],
                "client_id": ["assisted-images"],
            },
        )
        elsewhere = self.serve(always(response(body=b'{"token": "abc"}')))
        for answer, told in [
            (response("307 Elsewhere", Location=elsewhere.url), "307 Temporary Redirect"),
            (response("401 No"), "refuses the login"),
            (response("400 Bad"), "400 Bad Request for the token service"),
        ]:
            tokens.answer = always(answer)
            authorization, said = await self.asked(bearer, secret=secret)
            self.assertIsNone(authorization)
            self.assertIn(told, said)
            self.assertNotIn("s3cr3t", said)
        self.assertEqual(elsewhere.requests, [])

    async def test_who_gets_the_login(self) -> None:
        """Nobody before it was asked for; nobody else to whom a redirect leads."""
        elsewhere = self.serve(always(response("404 Not Found")))

        def answer(received: Received, transport: ITCPTransport) -> None:
            if "authorization" in received.headers:
                transport.write(response("307 Elsewhere", Location=f"{elsewhere.url}/x"))
            else:
                challenge = 'Basic realm="x"'
                transport.write(response("401 Unauthorized", WWW_Authenticate=challenge))

        server, place = self.peer(answer)
        client = self.client(place, secret=pull_secret(place))
        await self.failure(client.manifest(PullSpec.parse(f"{place}/a/b")), DownloadError)
        self.assertNotIn("authorization", server.requests[0].headers)
        self.assertIn("authorization", server.requests[1].headers)
        self.assertEqual(len(elsewhere.requests), 1)
        self.assertNotIn("authorization", elsewhere.requests[0].headers)


class BlobTests(HostileTestCase):
    """Blobs that are longer, shorter, others, or do not come."""

    def image(self, place: str) -> ContainerImage:
        spec = PullSpec.parse(f"{place}/a/b:tag")
        manifest = Manifest(Descriptor(digest_of(b""), 0, ""), ())
        return ContainerImage(
            spec, digest_of(b""), manifest, Place(spec, insecure=True), chosen=True
        )

    async def blob(self, answer: Answer, **more: Any) -> bytes:
        _, place = self.peer(answer)
        descriptor = Descriptor(digest_of(BLOB), len(BLOB), "")
        return await self.client(place, **more).small_blob(self.image(place), descriptor, len(BLOB))

    async def no_blob(self, answer: Answer) -> str:
        return await self.failure(self.blob(answer), DownloadError)

    async def test_sound(self) -> None:
        self.assertEqual(await self.blob(always(response(body=BLOB))), BLOB)

    async def test_other_lengths(self) -> None:
        """The manifest, not the response, says how long a blob is."""
        text = await self.no_blob(always(response(body=BLOB + b"more")))
        self.assertIn(f"more bytes than its {len(BLOB)}", text)
        text = await self.no_blob(always(response(body=BLOB[:-1])))
        self.assertIn(f"sent {len(BLOB) - 1} bytes instead of {len(BLOB)}", text)

    async def test_other_bytes(self) -> None:
        text = await self.no_blob(always(response(body=BLOB[::-1])))
        self.assertIn(digest_of(BLOB[::-1]), text)
        self.assertIn(digest_of(BLOB), text)

    async def test_more_than_wanted(self) -> None:
        """What a manifest says of a config's size is not taken for granted."""
        _, place = self.peer(always(response()))
        descriptor = Descriptor(digest_of(BLOB), 1 << 40, "")
        client = self.client(place)
        text = await self.failure(
            client.small_blob(self.image(place), descriptor, 1000), DownloadError
        )
        self.assertIn("expected at most 1000", text)

    async def test_other_range(self) -> None:
        """A range that nobody asked for is no part of a blob."""
        for content_range in ("bytes 0-9/4096", "bytes 5-4095/4096", "nonsense", ""):
            asked: list[str | None] = []

            def answer(
                received: Received,
                transport: ITCPTransport,
                asked: list[str | None] = asked,
                content_range: str = content_range,
            ) -> None:
                asked.append(received.headers.get("range"))
                if len(asked) == 1:
                    transport.write(response(body=BLOB[:100], length=len(BLOB)))
                    transport.loseConnection()
                else:
                    transport.write(
                        response("206 Partial", BLOB[100:], Content_Range=content_range)
                    )

            server, place = self.peer(answer)
            conf = registries_conf(place, f"{place}/mirror")
            registries = self.registries(conf=conf)
            descriptor = Descriptor(digest_of(BLOB), len(BLOB), "")
            text = await self.failure(
                registries.small_blob(self.image(place), descriptor, len(BLOB)), DownloadError
            )
            self.assertEqual(asked, [None, "bytes=100-"])
            self.assertIn("it sent another range than bytes 100", text)
            await server.all_connections_lost()

    async def test_stalled(self) -> None:
        """A registry that sends nothing any more is given up."""
        server, place = self.peer(always(response(body=BLOB[:100], length=len(BLOB))))
        clock = Clock()
        arrived: list[int] = []
        registries = replace(
            self.client(place, clock=clock), arrived=lambda _, size: arrived.append(size)
        )
        descriptor = Descriptor(digest_of(BLOB), len(BLOB), "")
        fetching = Deferred.fromCoroutine(
            registries.small_blob(self.image(place), descriptor, len(BLOB))
        )
        while arrived != [100]:
            await _turn()
        clock.pump([1.0] * 100)
        failure = await self.failure(_awaited(fetching), DownloadError)
        self.assertIn("nothing has arrived for 20 s", failure)
        await server.all_connections_lost()


async def _awaited(fetching: Any) -> Any:
    return await fetching


async def _turn() -> None:
    await deferLater(trial_reactor(), 0)
