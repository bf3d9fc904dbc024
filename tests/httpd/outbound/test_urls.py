"""Download URLs."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from httpd.outbound.urls import origin_of, redacted, with_parameters, without_userinfo

URL = "https://user:swordfish@host.example:8443/a%20b/c.iso?token=swordfish#swordfish"


class UrlTests(SynchronousTestCase):
    """What is shown, sent and compared."""

    def test_redacted(self) -> None:
        self.assertEqual(redacted(URL), "https://host.example:8443/a%20b/c.iso")

    def test_without_userinfo(self) -> None:
        self.assertEqual(
            without_userinfo(URL), "https://host.example:8443/a%20b/c.iso?token=swordfish"
        )
        self.assertEqual(without_userinfo("http://host"), "http://host/")
        self.assertEqual(without_userinfo("http://host/ä b"), "http://host/%C3%A4%20b")

    def test_with_parameters(self) -> None:
        """Those that are there already stay as they are."""
        self.assertEqual(with_parameters("http://h/x", {}), "http://h/x")
        self.assertEqual(with_parameters("http://h/x", {"a": "b c&"}), "http://h/x?a=b+c%26")
        self.assertEqual(with_parameters("http://h/x?q=%2F", {"a": "b"}), "http://h/x?q=%2F&a=b")

    def test_origin(self) -> None:
        self.assertEqual(origin_of("http://H.example/x"), origin_of("http://h.example:80/y?z"))
        for other in ["https://h.example:80/", "http://h.example:81/", "http://g.example/"]:
            self.assertNotEqual(origin_of("http://h.example/"), origin_of(other))
