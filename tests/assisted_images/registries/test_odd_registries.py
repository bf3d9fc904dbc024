"""Registries whose answers are no HTTP to speak of, and mirrors that share a blob badly."""

from __future__ import annotations

import json

import trustme
from twisted.internet.interfaces import ITCPTransport

from assisted_images.oci.manifests import Descriptor, Manifest
from assisted_images.oci.mirrors import Place
from assisted_images.oci.references import PullSpec
from assisted_images.registries.registry import ContainerImage, Registries
from httpd.outbound.failures import DownloadError
from httpd.outbound.proxies import Proxies
from tests.assisted_images.registries.test_registry import (
    BLOB,
    Contents,
    HostileTestCase,
    digest_of,
)
from tests.httpd.outbound.servers import Received, always, response
from tests.registries.case import SOURCE, pull_secret, registries_conf

_MANIFEST = json.dumps(
    {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {"mediaType": "x", "digest": digest_of(b""), "size": 0},
        "layers": [],
    }
).encode()


def with_field(status: str, field: bytes) -> bytes:
    """A response without content, with a field as it stands."""
    return b"HTTP/1.1 %b\r\nContent-Length: 0\r\n%b\r\n\r\n" % (status.encode(), field)


class OddFieldTests(HostileTestCase):
    """What a registry writes in a header is one registry's trouble, in one sentence."""

    async def test_next_mirror(self) -> None:
        """Whatever the first one answers, the next is asked."""
        _, sound = self.peer(Contents({"tag": _MANIFEST}))
        for odd in (
            with_field("302 Found", b"Location: http://[::1"),
            with_field("302 Found", b"Location: http://host:port/"),
            with_field("302 Found", b"Location: http://host:99999/"),
            with_field("302 Found", b"Location: ftp://host/"),
            with_field("302 Found", b"Location: //[/"),
            with_field("302 Found", b"Location: /\xff\xfe"),
            with_field("302 Found", b"Location: http://\xe2\x84\x80/"),
            with_field("302 Found", b"Location: http://%ff.example/"),
            with_field("302 Found", b"Location: http://a" + b".b" * 200 + b"/"),
            with_field("401 Unauthorized", b"WWW-Authenticate: Basic realm=\xff"),
            with_field("401 Unauthorized", b'WWW-Authenticate: Bearer realm="http://[::1"'),
            with_field(
                "401 Unauthorized", b'WWW-Authenticate: Bearer realm="https://\xe2\x84\x80/"'
            ),
            with_field("200 OK", b"Docker-Content-Digest: \xff"),
            with_field("200 OK", b"Content-Type: \xff"),
            with_field("200 OK", b"Content-Length: many"),
            b"\xff" * 100 + b"\r\n\r\n",
        ):
            _, place = self.peer(always(odd))
            conf = registries_conf(SOURCE, place, sound, blocked=True)
            registries = self.registries(conf=conf, secret=pull_secret(place))
            with self.subTest(odd):
                found = await registries.manifest(PullSpec.parse(f"{SOURCE}/a/b:tag"))
                self.assertEqual(found.digest, digest_of(_MANIFEST))
                text = await self.refused(always(odd), secret=pull_secret(place))
                self.assertTrue(text.isprintable(), text)


class ProxiedTests(HostileTestCase):
    """Trouble behind a proxy names the proxy, and not who one is there."""

    async def test_refused(self) -> None:
        proxy = self.serve(always(response("503 Busy")))
        place = f"me:s3cr3t@127.0.0.1:{proxy.port}"
        registries = self.registries(conf=registries_conf(SOURCE), proxies=Proxies.of(place, place))
        spec = PullSpec.parse(f"{SOURCE}/a/b:tag")
        text = await self.failure(registries.manifest(spec), DownloadError)
        way = f" by way of the proxy http://127.0.0.1:{proxy.port}"
        self.assertIn(f"registry {SOURCE} answers 503 Service Unavailable{way} for", text)
        self.assertNotIn("s3cr3t", text)
        # Over TLS the proxy was asked for a tunnel first.
        self.assertEqual([one.method for one in proxy.requests], ["CONNECT", "GET"])


class DockerHubTests(HostileTestCase):
    """A registry that does not answer where its name says."""

    async def test_host(self) -> None:
        proxy = self.serve(always(response("503 Busy")))
        through = Proxies.of(proxy.url, proxy.url)
        failing = self.registries(proxies=through).manifest(PullSpec.parse("docker.io/busybox"))
        await self.failure(failing, DownloadError)
        [asked] = proxy.requests
        self.assertEqual(asked.target, "registry-1.docker.io:443")


class VerifiedTestCase(HostileTestCase):
    """A registry with verified TLS."""

    def verified(self, answer: bytes) -> tuple[Registries, PullSpec]:
        """Its client, and what it has."""
        authority = trustme.CA()
        server = self.serve(always(answer), authority.issue_cert("localhost"))
        bundle = self.directory() / "authority.pem"
        authority.cert_pem.write_to_path(bundle)
        place = f"localhost:{server.port}"
        self.bundle = bundle
        return (
            self.registries(secret=pull_secret(place), bundle=bundle),
            PullSpec.parse(f"{place}/a/b:tag"),
        )


class RedirectTests(VerifiedTestCase):
    """Where it may lead to."""

    async def test_in_clear(self) -> None:
        """Not to plain HTTP, over which anybody could say what a tag denotes."""
        elsewhere = self.serve(always(response(body=b"{}")))
        registries, spec = self.verified(response("307 Elsewhere", Location=elsewhere.url))
        text = await self.failure(registries.manifest(spec), DownloadError)
        self.assertIn("redirects to plain http; expected https", text)
        self.assertEqual(elsewhere.requests, [])


class TokenTests(VerifiedTestCase):
    """Where the login of such a registry does not go."""

    def naming(self, realm: str) -> tuple[Registries, PullSpec]:
        """A registry that names a token service, and its client."""
        return self.verified(
            response("401 Unauthorized", WWW_Authenticate=f'Bearer realm="{realm}"')
        )

    async def test_in_clear(self) -> None:
        """To no token service by plain HTTP, whoever names one."""
        tokens = self.serve(always(response(body=b'{"token": "abc"}')))
        registries, spec = self.naming(f"{tokens.url}/token")
        text = await self.failure(registries.manifest(spec), DownloadError)
        self.assertIn("no token service that can be trusted with a login", text)
        self.assertEqual(tokens.requests, [])

    async def test_in_clear_without_a_login(self) -> None:
        """Who has no login may ask there: a token that is wrong opens nothing."""
        tokens = self.serve(always(response(body=b'{"token": "abc"}')))
        refusal = response(
            "401 Unauthorized", WWW_Authenticate=f'Bearer realm="{tokens.url}/token"'
        )
        _, spec = self.verified(refusal)
        registries = self.registries(bundle=self.bundle)
        text = await self.failure(registries.manifest(spec), DownloadError)
        self.assertIn("no matching entry", text)
        [asked] = tokens.requests
        self.assertNotIn("authorization", asked.headers)

    async def test_untrusted(self) -> None:
        """To no token service that nobody vouches for."""
        tokens = self.serve(
            always(response(body=b'{"token": "abc"}')), trustme.CA().issue_cert("localhost")
        )
        registries, spec = self.naming(f"{tokens.url}/token")
        text = await self.failure(registries.manifest(spec), DownloadError)
        self.assertIn("certificate verify failed", text)
        self.assertEqual(tokens.requests, [])

    async def test_redirected(self) -> None:
        """To nobody to whom the token service redirects."""
        elsewhere = self.serve(always(response("404 Not Found")))
        tokens = self.serve(always(response("307 Elsewhere", Location=f"{elsewhere.url}/x")))
        refusal = response("401 Unauthorized", WWW_Authenticate=f'Bearer realm="{tokens.url}/t"')
        _, place = self.peer(always(refusal))
        registries = self.client(place, secret=pull_secret(place))
        await self.failure(registries.manifest(PullSpec.parse(f"{place}/a/b")), DownloadError)
        self.assertIn("authorization", tokens.requests[0].headers)
        self.assertEqual(len(elsewhere.requests), 1)
        self.assertNotIn("authorization", elsewhere.requests[0].headers)


class SharedBlobTests(HostileTestCase):
    """One blob from two mirrors."""

    async def test_first_half_is_wrong(self) -> None:
        """What one mirror sends wrong, and only half, keeps nobody from the other's whole blob."""
        middle = len(BLOB) // 2

        def bad(received: Received, transport: ITCPTransport) -> None:
            transport.write(response(body=bytes(middle), length=len(BLOB)))
            transport.loseConnection()

        asked: list[str | None] = []

        def good(received: Received, transport: ITCPTransport) -> None:
            asked.append(received.headers.get("range"))
            if asked[-1] is None:
                transport.write(response(body=BLOB))
            else:
                whole = f"bytes {middle}-{len(BLOB) - 1}/{len(BLOB)}"
                transport.write(response("206 Partial", BLOB[middle:], Content_Range=whole))

        _, first = self.peer(bad)
        _, second = self.peer(good)
        conf = registries_conf(SOURCE, first, second, blocked=True)
        registries = self.registries(conf=conf)
        spec = PullSpec.parse(f"{SOURCE}/a/b:tag")
        manifest = Manifest(Descriptor(digest_of(b""), 0, ""), ())
        image = ContainerImage(spec, digest_of(b""), manifest, Place(spec), chosen=True)
        descriptor = Descriptor(digest_of(BLOB), len(BLOB), "")
        found = await registries.small_blob(image, descriptor, len(BLOB))
        self.assertEqual(found, BLOB)
        self.assertEqual(asked, [f"bytes={middle}-", None])
