"""A token service for a registry with Bearer authorization (CNCF distribution, spec/auth)."""

from __future__ import annotations

import base64
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from twisted.internet.interfaces import ITCPTransport

from tests.httpd.outbound.servers import Received, response
from tests.registries.registry import PASSWORD, USER

ISSUER = "token-issuer"
SERVICE = "container-registry"
IDENTITY = "an-identity-token&=+"
_LOGIN = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()


class TokenService:
    """
    Answers each request of a client that logs in as L{USER} with a token for what it asks.

    @ivar issued: the scopes of all tokens, in order.
    @ivar expires_in: what is said of a token's life, in seconds.
    @ivar revoked: whether tokens are made that no registry accepts.
    """

    def __init__(self) -> None:
        self.issued: list[str] = []
        self.refused = 0
        self.expires_in: float = 300
        self.revoked = False
        self.anonymous = False
        self._key = rsa.generate_private_key(65537, 2048)
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, ISSUER)])
        now = datetime.now(UTC)
        self._certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(self._key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .sign(self._key, hashes.SHA256())
        )

    def section(self, url: str, directory: Path) -> dict[str, str]:
        """The section C{auth.token} of a registry that trusts this service."""
        directory.mkdir(parents=True, exist_ok=True)
        bundle = directory / "token.pem"
        bundle.write_bytes(self._certificate.public_bytes(Encoding.PEM))
        return {
            "realm": f"{url}/token",
            "service": SERVICE,
            "issuer": ISSUER,
            "rootcertbundle": str(bundle),
        }

    def __call__(self, received: Received, transport: ITCPTransport) -> None:
        """Answer one request."""
        if received.method == "POST":
            self._refresh(parse_qs(received.body.decode()), transport)
            return
        login = received.headers.get("authorization")
        if login != _LOGIN and not (self.anonymous and login is None):
            self.refused += 1
            transport.write(response("401 Unauthorized", b'{"details": "no such user"}'))
            return
        query = parse_qs(urlsplit(received.target).query)
        [scope] = query.get("scope", [""])
        self.issued.append(scope)
        body = f'{{"token": "{self._token(scope)}", "expires_in": {self.expires_in}}}'
        transport.write(response(body=body.encode(), Content_Type="application/json"))

    def _refresh(self, form: dict[str, list[str]], transport: ITCPTransport) -> None:
        """Answer who has no password (spec/auth/oauth.md)."""
        if (form["grant_type"], form["refresh_token"]) != (["refresh_token"], [IDENTITY]):
            self.refused += 1
            transport.write(response("401 Unauthorized", b'{"details": "no such token"}'))
            return
        [scope] = form["scope"]
        self.issued.append(scope)
        body = f'{{"access_token": "{self._token(scope)}", "expires_in": {self.expires_in}}}'
        transport.write(response(body=body.encode(), Content_Type="application/json"))

    def _token(self, scope: str) -> str:
        kind, _, rest = scope.partition(":")
        name, _, actions = rest.rpartition(":")
        access = [{"type": kind, "name": name, "actions": actions.split(",")}] if scope else []
        now = int(time.time())
        claims = {
            "iss": ISSUER,
            "sub": USER,
            "aud": "another" if self.revoked else SERVICE,
            "nbf": now - 60,
            "iat": now,
            "exp": now + 600,
            "jti": f"{len(self.issued)}",
            "access": access,
        }
        der = base64.b64encode(self._certificate.public_bytes(Encoding.DER)).decode()
        return jwt.encode(claims, self._key, "RS256", headers={"x5c": [der]})
