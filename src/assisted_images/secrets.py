"""What of this service is secret, and in no line of its log."""

from __future__ import annotations

from httpd.logs.redaction import Redaction

REDACTION = Redaction(
    names=("api_key", "image_token", "image-token"),
    labels=("/byapikey/:token", "/bytoken/:token", "/bysig/:signature"),
)
"""Besides what is secret anywhere: who asks for an infra-env."""
