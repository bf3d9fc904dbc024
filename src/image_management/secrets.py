"""What of this service is secret, and in no line of its log."""

from __future__ import annotations

from httpd.logs.redaction import Redaction

REDACTION = Redaction(
    names=(
        # Of presigned URLs and signed requests (AWS Signature Version 4, and before it).
        "signature",
        "credential",
        "x-amz-security-token",
        "awsaccesskeyid",
        # Of settings.
        "access_key",
        "secret_key",
    ),
    # A public key, and who it belongs to: every blob begins with the length of its type's name.
    wholes={"aaaa": r"AAAA[A-Za-z0-9+/=]{16,}(?:[ \t][^\"'\\\r\n]*)?"},
)
"""Besides what is secret anywhere: who this service is to S3, and who its users are."""
