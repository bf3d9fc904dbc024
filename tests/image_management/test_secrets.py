"""What is secret in this service is in no line of its log."""

from __future__ import annotations

from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from image_management.secrets import REDACTION
from tests.properties import given

BLOB = "AAAAC3NzaC1lZDI1NTE5AAAAIEQ5fcITJ5hElBYfF3THVr72pEdxVsTffvFRNlwQEruP"

SECRETS = (
    "http://rgw/b/k?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=s3cr3t%2F20260101"
    "&X-Amz-Signature=s3cr3t&X-Amz-Security-Token=s3cr3t",
    "http://rgw/b/k?AWSAccessKeyId=s3cr3t&Signature=s3cr3t&Expires=1",
    "Authorization: AWS4-HMAC-SHA256 Credential=s3cr3t/x, SignedHeaders=host, Signature=s3cr3t",
    "{'S3_ACCESS_KEY': 's3cr3t', 'S3_SECRET_KEY': 's3cr3t', 'S3_STS_SECRET_KEY': 's3cr3t'}",
    f"ssh-ed25519 {BLOB} s3cr3t@example.com",
    f'{{"public_key": "ssh-ed25519 {BLOB} s3cr3t of s3cr3t"}}',
    f"ssh-ed25519 {BLOB}\ts3cr3t\nssh-ed25519 {BLOB} s3cr3t\n",
    "postgresql://me:s3cr3t@db/ims",
)


class RedactionTests(SynchronousTestCase):
    def test_secrets(self) -> None:
        for text in SECRETS:
            told = REDACTION.redacted(text)
            self.assertNotIn("s3cr3t", told, text)
            self.assertNotIn(BLOB[20:], told)
            self.assertTrue(REDACTION.may_be_needed(text.encode()), text)

    def test_what_is_around_stays(self) -> None:
        self.assertEqual(
            REDACTION.redacted(f'{{"public_key": "ssh-ed25519 {BLOB} me", "name": "mine"}}'),
            '{"public_key": "ssh-ed25519 [redacted]", "name": "mine"}',
        )
        self.assertEqual(
            REDACTION.redacted("/b/k?X-Amz-Expires=60&X-Amz-Signature=abc&x=1"),
            "/b/k?X-Amz-Expires=60&X-Amz-Signature=[redacted]&x=1",
        )

    def test_harmless_texts_stay_as_they_are(self) -> None:
        for text in (
            "PATCH /v3/images/9b4ee0ab-0d4e-4d0b-8f7d-6f0f1c1d1e1f 200",
            "s3://boot-images/9b4ee0ab-0d4e-4d0b-8f7d-6f0f1c1d1e1f/rootfs",
            "no credentials are set",
        ):
            self.assertEqual(REDACTION.redacted(text), text)

    @given(st.text(alphabet="A= \t\"'\\\nsignature:,[]") | st.text())
    def test_twice_is_once(self, text: str) -> None:
        once = REDACTION.redacted(text)
        self.assertEqual(REDACTION.redacted(once), once)
        if once != text:
            self.assertTrue(REDACTION.may_be_needed(text.encode("utf-8", "surrogatepass")))
