"""Which proxy for which URL."""

from __future__ import annotations

from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from httpd.outbound.no_proxy import NoProxy
from httpd.outbound.proxies import Proxies, Proxy
from tests.properties import given


class ProxyTests(SynchronousTestCase):
    """Reading one variable's value."""

    def test_forms(self) -> None:
        for text, proxy in [
            ("http://proxy:3128", Proxy("proxy", 3128)),
            ("proxy:3128", Proxy("proxy", 3128)),
            ("http://proxy", Proxy("proxy", 80)),
            ("https://proxy/", Proxy("proxy", 443, tls=True)),
            ("http://[2001:db8::1]:8080", Proxy("2001:db8::1", 8080)),
        ]:
            self.assertEqual(Proxy.parse("HTTP_PROXY", text), proxy)

    def test_credentials(self) -> None:
        """RFC 7617's own example, with what a URL must escape."""
        proxy = Proxy.parse("HTTP_PROXY", "http://Aladdin:open%20sesame@proxy:3128")
        self.assertEqual(proxy.authorization, "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==")
        self.assertNotIn("QWxh", repr(proxy))
        self.assertIsNone(Proxy.parse("HTTP_PROXY", "http://proxy:3128").authorization)

    def test_what_is_none(self) -> None:
        """The value may hold a password: the text names the variable only."""
        for text in ["socks5://swordfish@proxy:1080", "http://", "http://swordfish:99999"]:
            with self.assertRaisesRegex(ValueError, "HTTPS_PROXY is not the URL") as caught:
                Proxy.parse("HTTPS_PROXY", text)
            self.assertNotIn("swordfish", str(caught.exception))


class NoProxyTests(SynchronousTestCase):
    """The rows are what Go's C{httpproxy} says to them."""

    def assert_direct(self, no_proxy: str, host: str, *, direct: bool, port: int = 443) -> None:
        covered = NoProxy.parse(no_proxy).covers(host, port)
        self.assertEqual(covered, direct, (no_proxy, host, port))

    def test_this_machine(self) -> None:
        """Nobody has to list it, and a proxy would take it for itself."""
        for host in ("localhost", "LOCALHOST", "127.0.0.1", "127.9.8.7", "::1", "0:0::1"):
            self.assert_direct("", host, direct=True)
        self.assert_direct("", "::ffff:127.0.0.1", direct=True)
        for host in ("localhost.example", "my.localhost", "128.0.0.1", "::2", "1"):
            self.assert_direct("", host, direct=False)

    def test_domains(self) -> None:
        for entry, name, below in (
            ("example.com", True, True),
            (".example.com", False, True),
            ("*.example.com", False, True),
            (" Example.COM ", True, True),
            ("x, ,.example.com,", False, True),
            ("com", False, True),
            ("*example.com", False, False),
            ("ample.com", False, False),
            ("http://example.com", False, False),
        ):
            self.assert_direct(entry, "example.com", direct=name or entry == "com")
            self.assert_direct(entry, "a.b.Example.com", direct=below)
            self.assert_direct(entry, "badexample.org", direct=False)

    def test_ports(self) -> None:
        for entry, host in (
            ("example.com:8443", "example.com"),
            ("*.example.com:8443", "a.example.com"),
            (".example.com:8443", "a.example.com"),
            ("192.0.2.1:8443", "192.0.2.1"),
            ("[fd00::1]:8443", "fd00::1"),
            ("[fd00::1]:8443", "fd00:0::1"),
        ):
            self.assert_direct(entry, host, direct=True, port=8443)
            self.assert_direct(entry, host, direct=False, port=443)
        for entry in ("example.com:", ":443", "example.com:x"):
            self.assert_direct(entry, "example.com", direct=entry == "example.com:")

    def test_addresses(self) -> None:
        for entry, host, direct in (
            ("192.0.2.1", "192.0.2.1", True),
            ("192.0.2.1", "192.0.2.10", False),
            ("192.0.2.1", "::ffff:192.0.2.1", True),
            ("10.0.0.0/16", "10.0.200.1", True),
            ("10.0.1.2/16", "10.0.200.1", True),
            ("10.0.0.0/16", "10.1.0.1", False),
            ("10.0.0.0/99", "10.0.0.1", False),
            ("fd00::/64", "fd00::abcd", True),
            ("fd00::1", "fd00:0:0::1", True),
            ("[fd00::1]", "fd00::1", True),
            ("FD00::A", "fd00::a", True),
            ("fd00::1", "fd00::2", False),
            ("[fd00::1", "fd00::1", False),
            ("10.0.0.0/8", "ten.example", False),
        ):
            self.assert_direct(entry, host, direct=direct)

    def test_everything(self) -> None:
        for entry in ("*", "foo,*", "*,", " * ,foo"):
            for host in ("anything", "192.0.2.1", "fd00::1"):
                self.assert_direct(entry, host, direct=True)
        for entry in ("", ",", "*:443", "**", "foo", ":443", "."):
            self.assert_direct(entry, "anything.", direct=False)
            self.assert_direct(entry, "anything", direct=False)

    def test_names_that_are_not_ascii(self) -> None:
        """A host is asked for by its name in ASCII, and a list may have either."""
        decomposed = "bu\u0308cher.example"
        for entry in ("bücher.example", "BÜCHER.example", "xn--bcher-kva.example", decomposed):
            self.assert_direct(entry, "xn--bcher-kva.example", direct=True)
            self.assert_direct(entry, "a.xn--bcher-kva.example", direct=True)
            self.assert_direct(f"*.{entry}", "xn--bcher-kva.example", direct=False)
        self.assert_direct("ü\ud800, \u2100.example", "example.com", direct=False)

    @given(st.text(), st.text())
    def test_whatever_there_is(self, no_proxy: str, host: str) -> None:
        self.assertIsInstance(NoProxy.parse(no_proxy).covers(host, 80), bool)


class ProxiesTests(SynchronousTestCase):
    """Choosing one for the server of a URL."""

    def test_by_scheme(self) -> None:
        proxies = Proxies.of("one:1", "two:2", None)
        self.assertEqual(proxies.for_server("http", "a.example", 80), Proxy("one", 1))
        self.assertEqual(proxies.for_server("https", "a.example", 443), Proxy("two", 2))
        self.assertIsNone(Proxies.of().for_server("http", "a.example", 80))
        self.assertIsNone(Proxies.of("one:1").for_server("https", "a.example", 443))

    def test_of_environment(self) -> None:
        """In capitals or not; those in capitals count more."""
        proxies = Proxies.of_environment(
            {
                "HTTP_PROXY": "one:1",
                "http_proxy": "two:2",
                "https_proxy": "three:3",
                "NO_PROXY": "a",
            }
        )
        self.assertEqual(proxies, Proxies.of("one:1", "three:3", "a"))
        self.assertEqual(Proxies.of_environment({}), Proxies())

    def test_reached_directly(self) -> None:
        """Names with their subdomains, with ports, addresses, networks, everything."""
        for bypass, host, direct in [
            ("example.com", "example.com", True),
            ("example.com", "www.example.com", True),
            ("example.com", "badexample.com", False),
            (".svc, .cluster.local", "assisted-service.ns.svc", True),
            (".svc, .cluster.local", "svc", False),
            ("EXAMPLE.com", "example.COM", True),
            ("example.com:80", "example.com", True),
            ("example.com:81", "example.com", False),
            ("10.0.0.0/16", "10.0.200.1", True),
            ("10.0.0.0/16", "10.1.0.1", False),
            ("10.0.0.0/16", "ten.example", False),
            ("192.0.2.1", "192.0.2.1", True),
            ("2001:db8::/32", "2001:db8::7", True),
            ("*", "anything", True),
            ("", "anything", False),
        ]:
            chosen = Proxies.of("proxy:1", None, bypass).for_server("http", host, 80)
            self.assertEqual(chosen is None, direct, (bypass, host))
