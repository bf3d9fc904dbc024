"""Tokens: which infra-env they name, and what happens to those that name none."""

from __future__ import annotations

import base64
import json

import jwt
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from assisted_images.infra_envs.tokens import TokenError, infra_env_id
from tests.properties import given

INFRA_ENV = "cb94f1b8-4bb6-4c0a-9e9c-1b0e6f3d4a55"


def signed(payload: dict[str, object]) -> str:
    """A token whose signature nobody here can verify."""
    return jwt.encode(payload, "k" * 32, algorithm="HS256")


def raw(header: bytes, payload: bytes, signature: bytes = b"s") -> str:
    """A token of which nothing need be sound."""
    return ".".join(
        base64.urlsafe_b64encode(part).rstrip(b"=").decode()
        for part in (header, payload, signature)
    )


class InfraEnvIdTests(SynchronousTestCase):
    """The payload is read, not verified."""

    def test_sub(self) -> None:
        self.assertEqual(infra_env_id(signed({"sub": INFRA_ENV})), INFRA_ENV)

    def test_infra_env_id(self) -> None:
        self.assertEqual(infra_env_id(signed({"infra_env_id": INFRA_ENV})), INFRA_ENV)

    def test_sub_comes_first(self) -> None:
        token = signed({"infra_env_id": "other", "sub": INFRA_ENV})
        self.assertEqual(infra_env_id(token), INFRA_ENV)

    def test_what_says_nothing_counts_as_absent(self) -> None:
        for nothing in (None, ""):
            token = signed({"infra_env_id": INFRA_ENV, "sub": nothing})
            self.assertEqual(infra_env_id(token), INFRA_ENV)
            token = signed({"infra_env_id": nothing, "sub": nothing})
            self.assert_refused(token, "names no infra-env; expected a claim sub or infra_env_id")

    def test_nothing_else_of_the_payload_matters(self) -> None:
        """Expiry, start, audience and issuer are assisted-service's to check."""
        payload = {"sub": INFRA_ENV, "exp": 1, "nbf": 2**40, "iat": "x", "aud": 5, "iss": []}
        token = raw(b'{"alg":"HS256"}', json.dumps(payload).encode())
        self.assertEqual(infra_env_id(token), INFRA_ENV)

    def test_any_algorithm(self) -> None:
        """assisted-service signs with ES256; a token need not even name an algorithm we know."""
        payload = json.dumps({"sub": INFRA_ENV}).encode()
        for header in (b'{"alg":"ES256","typ":"JWT"}', b'{"alg":"none"}', b'{"alg":"X"}'):
            self.assertEqual(infra_env_id(raw(header, payload)), INFRA_ENV)

    def assert_refused(self, token: str, reason: str) -> None:
        """The error has the reason, and no part of the token."""
        with self.assertRaisesRegex(TokenError, reason) as caught:
            infra_env_id(token)
        for part in token.split("."):
            if len(part) > 5:
                self.assertNotIn(part, str(caught.exception))
        error = caught.exception
        shown = error.__cause__ or (not error.__suppress_context__ and error.__context__)
        self.assertFalse(shown, "a traceback would show PyJWT's text")

    def test_unreadable(self) -> None:
        sound = b'{"alg":"HS256"}'
        for token in (
            "",
            "nodotsatall",
            "two.parts",
            "a.b.c.d",
            "\xe9\u2028.\x00.%2e",
            raw(b"not JSON", b"{}"),
            raw(sound, b"not JSON"),
            raw(sound, b"[]"),
            raw(sound, b'"text"'),
            raw(sound, b"\xff\xfe"),
            raw(b'{"alg":"HS256","kid":5}', b'{"sub":"x"}'),
            raw(b"[]", b'{"sub":"x"}'),
        ):
            self.assert_refused(token, "the token cannot be read; expected a JSON Web Token")

    def test_payload_nested_beyond_measure(self) -> None:
        depth = 100_000
        self.assert_refused(raw(b'{"alg":"HS256"}', b"[" * depth + b"]" * depth), "cannot be read")

    def test_no_id(self) -> None:
        self.assert_refused(signed({}), "names no infra-env; expected a claim sub or infra_env_id")

    def test_id_of_another_type(self) -> None:
        for value in (5, 0, True, False, ["x"], [], {"a": "b"}):
            token = raw(b'{"alg":"HS256"}', json.dumps({"sub": value}).encode())
            self.assert_refused(token, "the token's sub is no infra-env id; expected a string")
            token = raw(b'{"alg":"HS256"}', json.dumps({"infra_env_id": value}).encode())
            self.assert_refused(token, "infra_env_id is no infra-env id")

    @given(st.text())
    def test_any_text_is_an_id_or_refused(self, token: str) -> None:
        """Nothing but L{TokenError} comes out, whatever is in the URL."""
        try:
            infra_env_id(token)
        except TokenError as error:
            self.assertTrue(str(error))

    @given(st.binary(max_size=60), st.binary(max_size=60))
    def test_any_parts_are_an_id_or_refused(self, header: bytes, payload: bytes) -> None:
        try:
            infra_env_id(raw(header, payload))
        except TokenError as error:
            self.assertTrue(str(error))
