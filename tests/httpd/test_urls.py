"""URLs of http and https."""

from __future__ import annotations

from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from httpd.urls import (
    WebOrigin,
    ascii_host,
    http_parts,
    is_http_url,
    proxy_url,
    public_url,
    web_origin,
    with_parameters,
    without_userinfo,
)
from tests.properties import given

URL = "https://user:swordfish@host.example:8443/a%20b/c.iso?token=swordfish#swordfish"

NO_URLS = ("", "/x", "host/x", "ftp://h/x", "http://", "http://:80/x", "http://h:x/", "http://[h")


class UrlTests(SynchronousTestCase):
    """What is shown, sent and compared."""

    def test_http_url(self) -> None:
        for text in (URL, "http://h", "HTTP://h:80", "http://[2001:db8::1]:8080/x"):
            self.assertTrue(is_http_url(text), text)
        for text in NO_URLS:
            self.assertFalse(is_http_url(text), text)
            self.assertIsNone(http_parts(text), text)

    def test_public(self) -> None:
        self.assertEqual(public_url(URL), "https://host.example:8443/a%20b/c.iso")
        for text in (*NO_URLS, "swordfish", "http://swordfish@", "swordfish://h/x"):
            self.assertEqual(public_url(text), "(not an http URL)")

    @given(st.text())
    def test_public_whatever_it_is(self, text: str) -> None:
        for url in (text, f"http://{text}", f"http://swordfish@h/x?{text}"):
            self.assertNotIn("@h", public_url(url).partition("/x")[0])

    def test_without_userinfo(self) -> None:
        self.assertEqual(
            without_userinfo(URL), "https://host.example:8443/a%20b/c.iso?token=swordfish"
        )
        self.assertEqual(without_userinfo("http://host"), "http://host/")
        self.assertEqual(without_userinfo("http://host/ä b"), "http://host/%C3%A4%20b")

    def test_host_in_ascii(self) -> None:
        """As DNS knows it; what no name could be is left for DNS to refuse."""
        for url, asked in (
            ("http://Bücher.example:81/ü", "http://xn--bcher-kva.example:81/%C3%BC"),
            ("http://me@faß.example", "http://xn--fa-hia.example/"),
            ("http://[fd00::1]:80/", "http://[fd00::1]:80/"),
            ("http://-ü.example/", "http://-%C3%BC.example/"),
        ):
            self.assertEqual(without_userinfo(url), asked)
            self.assertEqual(ascii_host("a.example"), "a.example")
        self.assertEqual(
            web_origin("http://bücher.example"), web_origin("http://xn--bcher-kva.example")
        )

    def test_with_parameters(self) -> None:
        """Those that are there already stay as they are."""
        self.assertEqual(with_parameters("http://h/x", {}), "http://h/x")
        self.assertEqual(with_parameters("http://h/x", {"a": "b c&"}), "http://h/x?a=b+c%26")
        self.assertEqual(with_parameters("http://h/x?q=%2F", {"a": "b"}), "http://h/x?q=%2F&a=b")

    def test_proxy(self) -> None:
        self.assertEqual(proxy_url("proxy:3128"), "http://proxy:3128")
        self.assertEqual(proxy_url("https://proxy"), "https://proxy")

    def test_origin(self) -> None:
        self.assertEqual(web_origin("http://H.example/x"), web_origin("http://h.example:80/y?z"))
        for other in ["https://h.example:80/", "http://h.example:81/", "http://g.example/"]:
            self.assertNotEqual(web_origin("http://h.example/"), web_origin(other))
        self.assertEqual(web_origin(URL), WebOrigin("https", "host.example", 8443))
        for text in NO_URLS:
            self.assertRaises(ValueError, web_origin, text)
