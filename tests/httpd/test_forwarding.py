"""Whom a request comes from, and by which scheme, where proxies have passed it on."""

from __future__ import annotations

from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from httpd.addresses import plain_address
from httpd.forwarding import TrustedProxies, network
from tests.properties import given

PROXIES = TrustedProxies([network(text) for text in ("10.0.0.0/8", "192.0.2.1", "fd00::/8")])

addresses = st.ip_addresses().map(str)


class PlainAddressTests(SynchronousTestCase):
    """Addresses as sockets have them."""

    def test_mapped(self) -> None:
        for text, plain in {
            "::ffff:192.0.2.1": "192.0.2.1",
            "192.0.2.1": "192.0.2.1",
            "2001:db8::1": "2001:db8::1",
            "::ffff:0:102:304": "::ffff:0:102:304",
            "::1": "::1",
            "-": "-",
        }.items():
            self.assertEqual(plain_address(text), plain)


class ClientTests(SynchronousTestCase):
    """C{X-Forwarded-For}."""

    def test_from_a_trusted_proxy(self) -> None:
        """The last that is none of them; what a client has said before does not count."""
        for said, client in {
            "203.0.113.7": "203.0.113.7",
            "198.51.100.1, 203.0.113.7": "203.0.113.7",
            "203.0.113.7, 192.0.2.1,10.9.9.9": "203.0.113.7",
            "203.0.113.7, fd00::2": "203.0.113.7",
            "2001:db8::7": "2001:db8::7",
            "::ffff:203.0.113.7": "203.0.113.7",
            "203.0.113.7:1234": "203.0.113.7",
            "[2001:db8::7]:1234": "2001:db8::7",
            "[2001:db8::7]": "2001:db8::7",
            "10.0.0.8": "10.0.0.8",
        }.items():
            self.assertEqual(PROXIES.client("10.0.0.1", said), client, said)

    def test_what_is_no_address(self) -> None:
        """Who has said so is the last that is known."""
        for said in (None, "", "unknown", "203.0.113.7, _hidden", "203.0.113.7, ", "x" * 9000):
            self.assertEqual(PROXIES.client("10.0.0.1", said), "10.0.0.1")
        self.assertEqual(PROXIES.client("10.0.0.1", "203.0.113.7, x, 10.0.0.2"), "10.0.0.2")

    @given(addresses, st.none() | st.text() | st.lists(addresses).map(",".join))
    def test_from_anybody_else(self, peer: str, said: str | None) -> None:
        self.assertEqual(TrustedProxies().client(peer, said), peer)
        if PROXIES.client(peer, "203.0.113.7") != "203.0.113.7":
            self.assertEqual(PROXIES.client(peer, said), peer)

    def test_no_address_at_all(self) -> None:
        """As of a Unix socket; and of IPv6 with the link that it is on."""
        self.assertEqual(PROXIES.client("-", "203.0.113.7"), "-")
        link = TrustedProxies([network("fe80::/10")])
        self.assertEqual(link.client("fe80::1%eth0", "203.0.113.7"), "203.0.113.7")

    def test_none_are_trusted(self) -> None:
        """Then nobody need be asked."""
        self.assertFalse(TrustedProxies())
        self.assertTrue(PROXIES)


class SchemeTests(SynchronousTestCase):
    """C{X-Forwarded-Proto}."""

    def test_from_a_trusted_proxy(self) -> None:
        for said, scheme in {
            "https": "https",
            "HTTPS": "https",
            "https, http": "https",
            "http": "http",
            "": "http",
            "wss": "http",
            "javascript": "http",
            None: "http",
        }.items():
            self.assertEqual(PROXIES.scheme("10.0.0.1", "http", said), scheme)
        self.assertEqual(PROXIES.scheme("10.0.0.1", "https", "http"), "http")

    def test_from_anybody_else(self) -> None:
        self.assertEqual(PROXIES.scheme("203.0.113.7", "http", "https"), "http")
        self.assertEqual(TrustedProxies().scheme("10.0.0.1", "http", "https"), "http")
