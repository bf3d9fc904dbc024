"""The agent against real servers and a real proxy: which way requests take, and whom they trust."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import trustme
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.endpoints import HostnameEndpoint
from twisted.internet.interfaces import ITCPTransport
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.logger import globalLogPublisher
from twisted.python.failure import Failure
from twisted.web.client import BrowserLikePolicyForHTTPS, readBody
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent, IPolicyForHTTPS

from httpd.outbound.agent import OutboundAgent
from httpd.outbound.failures import DownloadError, reason_of, was_cancelled
from httpd.outbound.proxies import Proxies, Proxy
from httpd.outbound.trust import tls_policy
from tests.httpd.logs.written import Written
from tests.httpd.outbound.servers import (
    Answer,
    Received,
    Server,
    ServerTestCase,
    always,
    response,
    trial_reactor,
)


class _Far(Protocol):
    """The far side of a tunnel."""

    def __init__(self, near: ITCPTransport) -> None:
        self.near = near

    def dataReceived(self, data: bytes) -> None:
        self.near.write(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.near.loseConnection()


def tunnelling(received: Received, transport: ITCPTransport) -> None:
    """Answer C{CONNECT} as a proxy does, to whom all names are this machine's."""

    async def open_tunnel() -> None:
        port = int(received.target.rpartition(":")[2])
        endpoint = HostnameEndpoint(trial_reactor(), b"127.0.0.1", port)
        far: Any = await endpoint.connect(Factory.forProtocol(lambda: _Far(transport)))
        connection: Any = getattr(transport, "wrappedProtocol", None) or transport.protocol  # type: ignore[attr-defined]
        connection.tunnel = far.transport.write
        connection.lost.addCallback(lambda _: far.transport.loseConnection())
        transport.write(b"HTTP/1.1 200 Connection established\r\nVia: test\r\n\r\n")

    Deferred.fromCoroutine(open_tunnel())


async def get(agent: IAgent, url: str) -> bytes:
    """The body, or the reason why there is none."""
    try:
        return await readBody(await agent.request(b"GET", url.encode()))
    except Exception as error:
        return reason_of(error).encode()


class DirectTests(ServerTestCase):
    """Without a proxy."""

    async def test_http(self) -> None:
        server = self.serve(always(response(body=b"content")))
        self.assertEqual(await get(self.agent(), server.url + "/x?y"), b"content")
        self.assertEqual(server.requests[0].target, "/x?y")
        self.assertEqual(server.requests[0].headers["user-agent"], "assisted-images")

    async def test_cancelled_at_once(self) -> None:
        """While the name is resolved: that is no trouble with the name."""
        server = self.serve(always(response()))
        running = self.agent().request(b"GET", server.url.encode())
        running.cancel()
        await self.assertFailure(running, CancelledError)
        self.assertEqual(server.requests, [])

    async def test_connections_are_kept(self) -> None:
        server = self.serve(always(response(body=b"content")))
        agent = self.agent(persistent=True)
        for _ in range(3):
            await get(agent, server.url)
        self.assertEqual(len(server.connections), 1)
        await agent.close()

    async def test_interim_responses(self) -> None:
        """Any number of them is passed over (RFC 9110, section 15.2), and leaves the log alone."""
        written = Written("info")
        globalLogPublisher.addObserver(written.observer)
        self.addCleanup(globalLogPublisher.removeObserver, written.observer)
        hint = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
        server = self.serve(always(hint * 1000 + response(body=b"content")))
        self.assertEqual(await get(self.agent(), server.url), b"content")
        self.assertEqual([line["message"] for line in written.lines], [])

    async def test_nobody_listens(self) -> None:
        self.assertEqual(await get(self.agent(), "http://127.0.0.1:1/"), b"connection refused")

    async def test_no_such_host(self) -> None:
        agent = self.agent()
        self.assertEqual(
            await get(agent, "http://no-such-host.invalid/"), b"its host name cannot be resolved"
        )

    async def test_closed_without_an_answer(self) -> None:
        server = self.serve(lambda received, transport: transport.loseConnection())
        self.assertEqual(await get(self.agent(), server.url), b"it closed the connection")


class TrustTests(ServerTestCase):
    """Whom TLS trusts."""

    def setUp(self) -> None:
        self.authority = trustme.CA()
        self.bundle = Path(self.mktemp())
        self.authority.cert_pem.write_to_path(str(self.bundle))

    async def fetch(self, policy: IPolicyForHTTPS, *names: str) -> bytes:
        certificate = self.authority.issue_cert(*names)
        server = self.serve(always(response(body=b"content")), certificate)
        return await get(self.agent(policy), server.url)

    async def test_bundle(self) -> None:
        self.assertEqual(await self.fetch(tls_policy(self.bundle), "localhost"), b"content")

    async def test_several_authorities_in_a_bundle(self) -> None:
        other = trustme.CA()
        self.bundle.write_bytes(other.cert_pem.bytes() + self.authority.cert_pem.bytes())
        self.assertEqual(await self.fetch(tls_policy(self.bundle), "localhost"), b"content")

    async def test_system_roots_stay(self) -> None:
        """The bundle comes besides the system's roots, here those that SSL_CERT_FILE names."""
        other = Path(self.mktemp())
        trustme.CA().cert_pem.write_to_path(str(other))
        self.patch_environment("SSL_CERT_FILE", str(self.bundle))
        self.assertEqual(await self.fetch(tls_policy(other), "localhost"), b"content")

    def patch_environment(self, name: str, value: str) -> None:
        import os  # noqa: PLC0415

        before = os.environ.get(name)
        os.environ[name] = value

        def restore() -> None:
            del os.environ[name]
            if before is not None:
                os.environ[name] = before

        self.addCleanup(restore)

    async def test_unknown_authority(self) -> None:
        for policy in [tls_policy(), BrowserLikePolicyForHTTPS()]:
            text = await self.fetch(policy, "localhost")
            self.assertEqual(text, b"TLS failed: certificate verify failed")

    async def test_other_host_name(self) -> None:
        text = await self.fetch(tls_policy(self.bundle), "other.example")
        self.assertEqual(text, b"its TLS certificate is for another host name")

    async def test_insecure(self) -> None:
        """INSECURE_SKIP_VERIFY, also with a CA file: neither authority nor name is looked at."""
        for bundle in [None, self.bundle]:
            policy = tls_policy(bundle, verify=False)
            self.assertEqual(await self.fetch(policy, "other.example"), b"content")

    def test_no_bundle(self) -> None:
        empty = Path(self.mktemp())
        empty.write_bytes(b"not PEM")
        for path in [empty, Path("/no/such/file")]:
            with self.assertRaisesRegex(ValueError, f"{path} cannot be read as PEM"):
                tls_policy(path)


class Ipv6Tests(ServerTestCase):
    """Addresses in brackets, wherever they may stand."""

    def setUp(self) -> None:
        self.authority = trustme.CA()
        self.bundle = Path(self.mktemp())
        self.authority.cert_pem.write_to_path(str(self.bundle))

    def origin(self, *names: str) -> Server:
        certificate = self.authority.issue_cert(*names) if names else None
        return self.serve(always(response(body=b"content")), certificate, "::1")

    async def test_http(self) -> None:
        origin = self.origin()
        self.assertEqual(await get(self.agent(), f"{origin.url}/x?y"), b"content")
        self.assertEqual(origin.requests[0].headers["host"], f"[::1]:{origin.port}")

    async def test_nobody_listens(self) -> None:
        self.assertEqual(await get(self.agent(), "http://[::1]:1/"), b"connection refused")

    async def test_https(self) -> None:
        """The certificate has to be for the address, however that is written."""
        origin, other = self.origin("::1"), self.origin("::2", "localhost")
        agent = self.agent(tls_policy(self.bundle))
        self.assertEqual(await get(agent, origin.url), b"content")
        self.assertEqual(await get(agent, origin.url.replace("::1", "0:0::0:1")), b"content")
        self.assertEqual(
            await get(agent, other.url), b"its TLS certificate is for another host name"
        )
        self.assertEqual(await get(self.agent(tls_policy(verify=False)), other.url), b"content")

    async def test_ipv4_certificate(self) -> None:
        """So it is with other addresses."""
        for name, answer in [
            ("127.0.0.1", b"content"),
            ("localhost", b"its TLS certificate is for another host name"),
        ]:
            certificate = self.authority.issue_cert(name)
            origin = self.serve(always(response(body=b"content")), certificate)
            agent = self.agent(tls_policy(self.bundle))
            self.assertEqual(await get(agent, f"https://127.0.0.1:{origin.port}/"), answer)

    async def test_proxies(self) -> None:
        """A proxy with one, with TLS and without, for origins with one."""
        certificate = self.authority.issue_cert("2001:db8::1")
        origin = self.serve(always(response(body=b"content")), certificate)
        for tls in (None, self.authority.issue_cert("::1")):
            proxy = self.serve(tunnelling, tls, "::1")
            through = Proxies(dict.fromkeys(("http", "https"), Proxy.parse("X", proxy.url)))
            agent = self.agent(tls_policy(self.bundle), through)
            url = f"https://[2001:db8::1]:{origin.port}/"
            self.assertEqual(await get(agent, url), b"content")
            proxy.answer = always(response(body=b"by proxy"))
            self.assertEqual(await get(agent, "http://[2001:db8::1]/x"), b"by proxy")
            proxy.answer = always(response("407 No"))
            self.assertIn(b"407", await get(agent, "https://[2001:db8::1]/x"))
            _, plain, tunnel = proxy.requests
            self.assertEqual(plain.target, "http://[2001:db8::1]/x")
            self.assertEqual(plain.headers["host"], "[2001:db8::1]")
            self.assertEqual((tunnel.method, tunnel.target), ("CONNECT", "[2001:db8::1]:443"))
            self.assertEqual(tunnel.headers["host"], "[2001:db8::1]:443")


class CodingTests(ServerTestCase):
    """Content is asked for, and taken, as it is."""

    async def answer(self, raw: bytes) -> bytes:
        server = self.serve(always(raw))
        agent = self.agent()
        headers = Headers({b"accept-encoding": [b"gzip"]})
        try:
            answer = await agent.request(b"GET", server.url.encode(), headers)
            return await readBody(answer)
        except DownloadError as error:
            return reason_of(error).encode()
        finally:
            self.assertEqual(server.requests[0].headers["accept-encoding"], "identity")

    async def test_codings(self) -> None:
        """Whether sound, cut, of a kind that is known or not."""
        sound = gzip.compress(b"content")
        for coding in ("gzip", "GZIP", "x-gzip", "br", "deflate", "zstd", "identity, gzip"):
            for body in (sound, sound[:-1], b"") if coding == "gzip" else (sound,):
                text = await self.answer(response(body=body, Content_Encoding=coding))
                expected = f"its answer has the content coding '{coding}'; expected none"
                self.assertEqual(text.decode(), expected)
            partial = response("206 Partial Content", b"c", Content_Encoding=coding)
            self.assertIn(b"content coding", await self.answer(partial))
        lines = b"Content-Encoding: identity\r\nContent-Encoding: gzip\r\n"
        raw = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n" + lines + b"\r\nx"
        self.assertIn(b"content coding", await self.answer(raw))

    async def test_none(self) -> None:
        """What says that it has none, and errors, whose content does not matter."""
        for coding in ("identity", "Identity", ""):
            self.assertEqual(
                await self.answer(response(body=b"content", Content_Encoding=coding)), b"content"
            )
        raw = response("404 Not Found", b"content", Content_Encoding="gzip")
        self.assertEqual(await self.answer(raw), b"content")

    async def test_taken(self) -> None:
        """By an agent of object stores, as it is."""
        self.patch(OutboundAgent, "takes_coded", True)
        raw = response(body=b"content", Content_Encoding="gzip")
        self.assertEqual(await self.answer(raw), b"content")


class ProxyTests(ServerTestCase):
    """By way of a proxy."""

    def setUp(self) -> None:
        self.authority = trustme.CA()
        self.bundle = Path(self.mktemp())
        self.authority.cert_pem.write_to_path(str(self.bundle))

    def through(self, proxy: str, bypass: str | None = None) -> IAgent:
        return self.agent(tls_policy(self.bundle), Proxies.of(proxy, proxy, bypass))

    async def test_http(self) -> None:
        """A plain proxy is asked for the whole URL (RFC 9112, section 3.2.2)."""
        proxy = self.serve(always(response(body=b"by proxy")))
        agent = self.through(f"http://Aladdin:open%20sesame@127.0.0.1:{proxy.port}")
        self.assertEqual(await get(agent, "http://origin.example/x?y"), b"by proxy")
        received = proxy.requests[0]
        self.assertEqual(received.target, "http://origin.example/x?y")
        self.assertEqual(received.headers["host"], "origin.example")
        self.assertEqual(
            received.headers["proxy-authorization"], "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="
        )

    async def test_loopback(self) -> None:
        """What a proxy would take for itself is reached directly."""
        certificate = self.authority.issue_cert("localhost", "127.0.0.1", "::1")
        proxy = self.serve(always(response(body=b"by proxy")))
        for tls in (None, certificate):
            for address in ("127.0.0.1", "::1"):
                origin = self.serve(always(response(body=b"direct")), tls, address)
                agent = self.through(f"me:secret@127.0.0.1:{proxy.port}")
                self.assertEqual(await get(agent, origin.url), b"direct")
                self.assertNotIn("proxy-authorization", origin.requests[0].headers)
        self.assertEqual(proxy.requests, [])

    async def test_listed(self) -> None:
        """A name is compared as it is asked for."""
        proxy = self.serve(always(response(body=b"by proxy")))
        agent = self.through(f"127.0.0.1:{proxy.port}", "*.bücher.invalid")
        self.assertEqual(await get(agent, "http://xn--bcher-kva.invalid/"), b"by proxy")
        text = await get(agent, "http://a.xn--bcher-kva.invalid/")
        self.assertEqual(text, b"its host name cannot be resolved")

    async def test_https(self) -> None:
        """TLS goes through a tunnel, end to end; the proxy learns the host and nothing else."""
        origin = self.serve(
            always(response(body=b"content" * 100_000)), self.authority.issue_cert("origin.example")
        )
        proxy = self.serve(tunnelling)
        place = f"origin.example:{origin.port}"
        agent = self.through(f"http://Aladdin:open%20sesame@127.0.0.1:{proxy.port}")
        self.assertEqual(await get(agent, f"https://{place}/x?secret"), b"content" * 100_000)
        [received] = proxy.requests
        self.assertEqual((received.method, received.target), ("CONNECT", place))
        self.assertEqual(
            received.headers["proxy-authorization"], "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="
        )
        self.assertNotIn("proxy-authorization", origin.requests[0].headers)

    async def test_certificate_behind_a_proxy(self) -> None:
        """The origin's name is verified, not the proxy's."""
        origin = self.serve(always(response()), self.authority.issue_cert("other.example"))
        proxy = self.serve(tunnelling)
        place = f"https://origin.example:{origin.port}/"
        text = await get(self.through(f"127.0.0.1:{proxy.port}"), place)
        self.assertEqual(text, b"its TLS certificate is for another host name")

    async def test_proxy_over_tls(self) -> None:
        proxy = self.serve(
            always(response(body=b"by proxy")), self.authority.issue_cert("localhost")
        )
        agent = self.through(f"https://localhost:{proxy.port}")
        self.assertEqual(await get(agent, "http://origin.example/"), b"by proxy")

    def test_way(self) -> None:
        """For errors: the proxy that a request would take, without its credentials."""
        proxies = Proxies.of("me:s3cr3t@[fd00::1]:3128", "https://p:443", ".b.example")
        agent = self.agent(None, proxies)
        for url, way in [
            ("http://a.example/x?y", " by way of the proxy http://[fd00::1]:3128"),
            ("https://me:s3cr3t@bücher.example", " by way of the proxy https://p:443"),
            ("http://a.b.example", ""),
            ("https://localhost:8443", ""),
        ]:
            self.assertEqual(agent.way(url), way)

    async def test_refused(self) -> None:
        refuse = always(response("407 Proxy Authentication Required"))
        garbage = always(bytes(100_000))
        hang_up: Answer = lambda received, transport: transport.loseConnection()  # noqa: E731
        for answer, text in [
            (refuse, b"the proxy answered CONNECT with '407 Proxy Authentication Required'"),
            (garbage, b"the proxy's answer to CONNECT is no HTTP response"),
            (hang_up, b"the proxy closed the connection"),
        ]:
            proxy = self.serve(answer)
            agent = self.through(f"127.0.0.1:{proxy.port}")
            self.assertEqual(await get(agent, "https://origin.example/"), text)

    async def test_cancelled(self) -> None:
        """While the proxy has not answered yet."""
        proxy = self.serve(lambda received, transport: None)
        agent = self.through(f"127.0.0.1:{proxy.port}")
        running = agent.request(b"GET", b"https://origin.example/")
        await proxy.arrivals.get()
        running.cancel()
        error: Any = await self.assertFailure(running, CancelledError)
        self.assertTrue(was_cancelled(error))
        await proxy.all_connections_lost()
