"""What looks like a secret is not written."""

from __future__ import annotations

from hypothesis import strategies as st
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from tests.httpd.logs.written import REDACTION, TOKEN, Fault, Written, hostile
from tests.properties import given

redacted = REDACTION.redacted

SECRETS = (
    f"GET /byapikey/{TOKEN}/4.18/x86_64/full.iso",
    f"GET /bytoken/{TOKEN}/4.18/x86_64/full.iso",
    "GET /byapikey/s3cr3t-key/4.18/x86_64/full.iso",
    "GET /images/x?api_key=s3cr3t&version=4.18",
    "GET /images/x?version=4.18&image_token=s3cr3t",
    "GET /images/x?API_KEY=s3cr3t",
    "next=%2Fimages%2Fx%3Fapi_key%3Ds3cr3t%26version",
    '{"api_key": "s3cr3t"}',
    "{'image_token': 's3cr3t'}",
    "Authorization: Bearer s3cr3t",
    "authorization: Basic czNjcjN0",
    "Authorization: s3cr3t",
    "Proxy-Authorization: Basic czNjcjN0",
    "Headers({b'authorization': [b'Bearer s3cr3t'], b'image-token': [b's3cr3t']})",
    "Image-Token: s3cr3t",
    "sent bearer s3cr3ts3cr3ts3cr3t to it",
    "http://user:s3cr3t@proxy.example.com:3128/x",
    f"just {TOKEN} in a text",
    f"cut {TOKEN[:60]}",
    f"percent {TOKEN.replace('.', '%2E')}",
)


class RedactionTests(SynchronousTestCase):
    """What looks like a secret is not written, in no field."""

    def test_texts(self) -> None:
        for text in SECRETS:
            with self.subTest(text):
                told = redacted(text)
                self.assertNotIn("s3cr3t", told)
                self.assertNotIn("czNjcjN0", told)
                for part in TOKEN.split("."):
                    self.assertNotIn(part[:20], told)
                self.assertIn("[redacted]", told)

    def test_texts_in_lines(self) -> None:
        """To be quick about lines without secrets, a line is looked through before: not in vain."""
        for text in SECRETS:
            with self.subTest(text):
                written = Written()
                written.log.info("{text}", text=text)
                self.assertEqual(written.only["text"], redacted(text))

    def test_what_is_around_stays(self) -> None:
        self.assertEqual(
            redacted(f"/bytoken/{TOKEN}/4.18/x86_64/full.iso"),
            "/bytoken/[redacted]/4.18/x86_64/full.iso",
        )
        self.assertEqual(
            redacted("/images/x?api_key=s3cr3t&version=4.18"),
            "/images/x?api_key=[redacted]&version=4.18",
        )
        self.assertEqual(
            redacted("http://user:s3cr3t@proxy:3128/x"), "http://[redacted]@proxy:3128/x"
        )

    def test_harmless_texts_stay_as_they_are(self) -> None:
        for text in (
            "GET /byapikey/:token 200",
            "/images/:imageID?version=4.18&arch=x86_64",
            "HTTPS_CERT_FILE: /certs/tls.pem cannot be read",
            "https://mirror.example.com/a.iso: 404 Not Found",
            "an authorization is not needed",
            "GET /byid/cb94f1b8-4bb6-4c0a-9e9c-1b0e6f3d4a55/4.18/x86_64/full.iso",
            "the bearer of bad news",
        ):
            self.assertEqual(redacted(text), text)

    @given(st.text())
    def test_twice_is_once(self, text: str) -> None:
        self.assertEqual(redacted(redacted(text)), redacted(text))

    @given(hostile)
    def test_lines_are_redacted_as_texts_are(self, text: str) -> None:
        """Whatever is done to be quick about the many lines without secrets."""
        written = Written()
        written.log.info("{text}", text=text)
        self.assertEqual(written.only["message"], redacted(text))
        self.assertEqual(written.only["text"], redacted(text))

    def test_every_field(self) -> None:
        written = Written()
        secret = f"api_key={TOKEN}"
        written.log.info("message {x}", x=secret, url=f"/x?{secret}", raw=secret.encode())
        try:
            raise Fault(secret)
        except Fault:
            written.log.failure("failed: {why}", Failure(), why=secret)
        self.assertEqual(len(written.lines), 2)
        self.assertNotIn(TOKEN[:20], written.text)
