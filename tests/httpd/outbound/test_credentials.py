"""Basic credentials, as they are sent."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from httpd.outbound.credentials import basic_credentials, userinfo_credentials

ALADDIN = "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="


class CredentialsTests(SynchronousTestCase):
    """RFC 7617's own examples."""

    def test_user_and_password(self) -> None:
        self.assertEqual(basic_credentials("Aladdin", "open sesame"), ALADDIN)
        self.assertEqual(basic_credentials("test", "123\u00a3"), "Basic dGVzdDoxMjPCow==")

    def test_userinfo(self) -> None:
        """In a URL what means something there is escaped; a password may be missing."""
        self.assertEqual(userinfo_credentials("http://Aladdin:open%20sesame@h/x"), ALADDIN)
        self.assertEqual(userinfo_credentials("http://me@h"), basic_credentials("me", ""))
        self.assertEqual(userinfo_credentials("http://:p@h"), basic_credentials("", "p"))
        self.assertIsNone(userinfo_credentials("http://proxy:3128"))
