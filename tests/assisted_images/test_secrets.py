"""What of this service is in no line of its log."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from assisted_images.routes.signed_urls import SignedUrls
from assisted_images.routes.tree import route_table
from assisted_images.secrets import REDACTION
from tests.assisted_images.routes.application import Images, InfraEnvs, application


class RedactionTests(SynchronousTestCase):
    def test_secrets(self) -> None:
        """Wherever credentials may stand (docs/reference/http-api.md, "Credentials")."""
        for text in (
            "/byapikey/s3cr3t/4.18/x86_64/full.iso",
            "/bytoken/s3cr3t/4.18/x86_64/full.iso",
            "/bysig/1800000000.s3cr3t/x/4.18/x86_64/full.iso",
            "https://images.example/bysig/1800000000.s3cr3t",
            "/images/x?api_key=s3cr3t&version=4.18",
            "/images/x?image_token=s3cr3t&version=4.18",
            "Image-Token: s3cr3t",
            "Authorization: s3cr3t",
        ):
            self.assertNotIn("s3cr3t", REDACTION.redacted(text), text)
            self.assertTrue(REDACTION.may_be_needed(text.encode()), text)

    def test_labels(self) -> None:
        """Those of requests, which are in every line, are none, and cost nothing."""
        urls = SignedUrls(bytes(32))
        app = application(Images({}), InfraEnvs(), local_infra_envs=True, signed_urls=urls)
        for route in route_table(app):
            self.assertEqual(REDACTION.redacted(route.name), route.name)
            self.assertFalse(REDACTION.may_be_needed(route.name.encode()), route.name)
