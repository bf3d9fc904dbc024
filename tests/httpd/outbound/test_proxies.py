"""Which proxy for which URL."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from httpd.outbound.proxies import Proxies, Proxy


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


class ProxiesTests(SynchronousTestCase):
    """Choosing one for the server of a URL."""

    def test_by_scheme(self) -> None:
        proxies = Proxies.of("one:1", "two:2", None)
        self.assertEqual(proxies.for_server("http", "a.example", 80), Proxy("one", 1))
        self.assertEqual(proxies.for_server("https", "a.example", 443), Proxy("two", 2))
        self.assertIsNone(Proxies.of().for_server("http", "a.example", 80))
        self.assertIsNone(Proxies.of("one:1").for_server("https", "a.example", 443))

    def test_reached_directly(self) -> None:
        """Names with their subdomains, with ports, addresses, networks, everything."""
        for bypass, host, direct in [
            ("example.com", "example.com", True),
            ("example.com", "www.example.com", True),
            ("example.com", "badexample.com", False),
            (".svc, .cluster.local", "assisted-service.ns.svc", True),
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
