"""Bearer tokens, and the keys that verify them."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import get_default_algorithms
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase, TestCase

from httpd.concurrency.threads import run_at_once
from httpd.web.bearer import Bearer, Guarded
from httpd.web.bearer_keys import (
    LOOK_SECONDS,
    IssuerKeyRenewal,
    IssuerKeys,
    read_jwks,
    read_public_key,
)
from httpd.web.problems import Problem
from httpd.web.request import ServiceRequest
from httpd.web.resource import TextResource
from httpd.web.routes import GET, Route, Routes
from tests.httpd.web.serving import ask, listen, site_of

RSA = rsa.generate_private_key(65537, 2048)
OTHER_RSA = rsa.generate_private_key(65537, 2048)
EC = ec.generate_private_key(ec.SECP256R1())
ED = ed25519.Ed25519PrivateKey.generate()


def pem(key: Any) -> bytes:
    written: bytes = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return written


def jwk(key: Any, algorithm: str, **members: str) -> dict[str, Any]:
    made = get_default_algorithms()[algorithm].to_jwk(key.public_key(), as_dict=True)
    return {**made, **members}


def token(key: Any = RSA, algorithm: str = "RS256", kid: str | None = None, **claims: Any) -> str:
    claims = {"exp": time.time() + 600, "scope": "ims:read other"} | claims
    said = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(said, key, algorithm, headers={"kid": kid} if kid else None)


class KeyTestCase(SynchronousTestCase):
    def file(self, content: bytes | dict[str, Any]) -> Path:
        file = Path(self.mktemp())
        file.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
        return file


class ReadTests(KeyTestCase):
    def test_wrong(self) -> None:
        oct_key = {"kty": "oct", "k": "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"}
        for content, reason in (
            (b"{", "is no JSON"),
            ({}, "is no JSON Web Key Set"),
            ({"keys": {}}, "is no JSON Web Key Set"),
            ({"keys": []}, "has no public key"),
            ({"keys": [oct_key, 1, {"kty": "RSA"}]}, "has no public key"),
            ({"keys": [jwk(RSA, "RS256", use="enc")]}, "has no public key"),
        ):
            with self.assertRaises(ValueError) as caught:
                read_jwks(self.file(content))
            self.assertIn(reason, str(caught.exception))
        for read in (read_jwks, read_public_key):
            with self.assertRaises(ValueError) as caught:
                read(Path("nowhere"))
            self.assertIn("No such file", str(caught.exception))
        with self.assertRaises(ValueError) as caught:
            read_public_key(self.file(b"secret"))
        self.assertIn("BEGIN PUBLIC KEY", str(caught.exception))

    def test_set(self) -> None:
        """A key of another use or type is nobody's concern."""
        keys = read_jwks(
            self.file({"keys": [{"kty": "x"}, jwk(RSA, "RS256", alg="RS256", kid="a")]})
        )
        self.assertEqual([(key.identifier, key.algorithms) for key in keys], [("a", ("RS256",))])


class ClaimsTests(KeyTestCase):
    def keys(self, *keys: dict[str, Any]) -> Bearer:
        return Bearer(IssuerKeys(self.file({"keys": list(keys)}), read_jwks))

    def test_each_type(self) -> None:
        for key, algorithm in ((RSA, "RS256"), (RSA, "PS512"), (EC, "ES256"), (ED, "EdDSA")):
            bearer = Bearer(IssuerKeys(self.file(pem(key)), read_public_key))
            claims = bearer.claims(f"Bearer {token(key, algorithm, sub='me')}")
            self.assertEqual(claims["sub"], "me")

    def test_several(self) -> None:
        """By their names, and all of them where a token names none."""
        bearer = self.keys(jwk(OTHER_RSA, "RS256", kid="a"), jwk(RSA, "RS256", kid="b"))
        bearer.claims("bearer " + token())
        bearer.claims("Bearer  " + token(kid="b"))
        self.refused(bearer, token(kid="a"), "Signature verification failed")
        self.refused(bearer, token(kid="c"), "no key that is known")

    def refused(self, bearer: Bearer, text: str, reason: str) -> None:
        with self.assertRaises(Problem) as caught:
            bearer.claims(f"Bearer {text}")
        self.assertEqual(caught.exception.status, 401)
        self.assertIn(reason, caught.exception.detail)
        self.assertEqual(
            caught.exception.headers, {"WWW-Authenticate": 'Bearer error="invalid_token"'}
        )

    def test_refused(self) -> None:
        bearer = Bearer(IssuerKeys(self.file(pem(RSA)), read_public_key))
        self.refused(bearer, "abc", "no JSON Web Token")
        self.refused(bearer, token(OTHER_RSA), "Signature verification failed")
        self.refused(bearer, token(exp=time.time() - 60), "expired")
        self.refused(bearer, token(exp=None), "exp")
        self.refused(bearer, token(nbf=time.time() + 60), "not yet valid")
        self.refused(bearer, token(EC, "ES256"), "no key that is known")
        unsigned = jwt.encode({"exp": time.time() + 60}, "", "none")
        self.refused(bearer, unsigned, "no key that is known")
        # What anybody can sign who has the public key.
        head, _, rest = jwt.encode({"exp": time.time() + 60}, "x" * 40, "HS256").partition(".")
        self.refused(bearer, f"{head}.{rest}", "no key that is known")

    def test_none(self) -> None:
        bearer = self.keys(jwk(RSA, "RS256"))
        for authorization in (None, "", "Bearer", "Bearer ", "Basic YTpi"):
            with self.assertRaises(Problem) as caught:
                bearer.claims(authorization)
            self.assertEqual(caught.exception.status, 401)
            self.assertEqual(caught.exception.headers, {"WWW-Authenticate": "Bearer"})


class RenewalTests(KeyTestCase):
    def test_renewal(self) -> None:
        file, clock = self.file(pem(OTHER_RSA)), Clock()
        keys = IssuerKeys(file, read_public_key)
        bearer = Bearer(keys)
        renewal = IssuerKeyRenewal(keys, clock, run_at_once)
        renewal.startService()
        file.write_bytes(b"broken")
        for _ in range(3):
            clock.advance(LOOK_SECONDS)
        bearer.claims("Bearer " + token(OTHER_RSA))
        file.write_bytes(pem(RSA))
        clock.advance(LOOK_SECONDS)
        bearer.claims("Bearer " + token())
        self.assertIsInstance(renewal.stopService(), Deferred)
        self.assertEqual(clock.getDelayedCalls(), [])


def _scopes(request: ServiceRequest) -> list[str]:
    return [f"x:{request.method.decode()}", "x:all"]


class GuardedTests(TestCase):
    async def test_scopes(self) -> None:
        file = Path(self.mktemp())
        file.write_bytes(pem(RSA))
        bearer = Bearer(IssuerKeys(file, read_public_key))
        guarded = Guarded(TextResource("secret"), bearer, _scopes)
        port = listen(self, site_of(Routes([Route("/", GET, guarded)])))
        for scope, status in (
            ({"scope": "x:GET y"}, 200),
            ({"scope": None, "scp": ["x:GET"]}, 200),
            ({"scope": "x:all"}, 200),
            ({"scope": "x:HEAD"}, 403),
            ({"scope": "x:GETTER"}, 403),
            ({"scope": None}, 403),
            ({"scope": {"x:GET": 1}}, 403),
            ({"scope": None, "scp": [1]}, 403),
        ):
            authorization = "Bearer " + token(sub="me", **scope)
            answer = await ask(port, "/", headers={"Authorization": authorization})
            self.assertEqual(answer.status, status, scope)
            self.assertEqual("secret" in answer.text, status == 200)
        self.assertEqual(
            answer.header("www-authenticate"), 'Bearer error="insufficient_scope", scope="x:GET"'
        )
        self.assertEqual((await ask(port, "/")).status, 401)
