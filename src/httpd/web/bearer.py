"""Bearer tokens (RFC 6750) that are JSON Web Tokens (RFC 7519): who may ask for what."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jwt
from jwt.exceptions import PyJWTError

from httpd.texts import quoted, shortened
from httpd.web.bearer_keys import IssuerKey, IssuerKeys
from httpd.web.problems import Problem
from httpd.web.request import ServiceRequest
from httpd.web.resource import Resource

_LEEWAY_SECONDS = 10
"""By how much the issuer's clock may differ."""


class Bearer:
    """Verifies tokens."""

    def __init__(self, keys: IssuerKeys) -> None:
        """
        @param keys: of those who issue them.
        """
        self._keys = keys

    def claims(self, authorization: str | None) -> Mapping[str, Any]:
        """
        What the token of an C{Authorization} field says.

        @raise Problem: 401, there is none, or it is not valid.
        """
        scheme, _, token = (authorization or "").strip().partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise _unauthorized("this needs a bearer token: Authorization: Bearer <token>", "")
        return self._verified(token.strip())

    def _verified(self, token: str) -> Mapping[str, Any]:
        try:
            header = jwt.get_unverified_header(token)
        except PyJWTError:
            raise _invalid("it is no JSON Web Token") from None
        algorithm, identifier = header.get("alg"), header.get("kid")
        reason = "it is signed with no key that is known here"
        for key in self._keys.current:
            if not _may_be(key, algorithm, identifier):
                continue
            try:
                claims: Mapping[str, Any] = jwt.decode(
                    token,
                    key.key,
                    algorithms=key.algorithms,
                    options={"require": ["exp"], "verify_aud": False},
                    leeway=_LEEWAY_SECONDS,
                )
            except PyJWTError as error:
                reason = str(error)
            else:
                return claims
        raise _invalid(reason)


def _may_be(key: IssuerKey, algorithm: object, identifier: object) -> bool:
    """Whether a token may have been signed with the key's other half."""
    named = identifier is None or key.identifier in {None, identifier}
    return named and algorithm in key.algorithms


class Guarded(Resource):
    """A resource for those whose token has a scope (RFC 6749, section 3.3) that it takes."""

    def __init__(
        self,
        resource: Resource,
        bearer: Bearer,
        scopes_of: Callable[[ServiceRequest], Sequence[str]],
    ) -> None:
        """
        @param scopes_of: the scopes that a request takes, each enough; refusals name the first.
        """
        self._resource = resource
        self._bearer = bearer
        self._scopes_of = scopes_of
        self.allowed_origins = resource.allowed_origins

    def answer(self, request: ServiceRequest) -> None:
        """Have it answered, or refuse it."""
        try:
            claims = self._bearer.claims(request.fields.get("authorization"))
            subject = claims.get("sub")
            if isinstance(subject, str):
                request.facts["subject"] = shortened(subject)
            scopes = self._scopes_of(request)
            if _scopes(claims).isdisjoint(scopes):
                raise _insufficient(scopes[0])
        except Problem as problem:
            request.refuse(problem)
        else:
            self._resource.answer(request)


def _scopes(claims: Mapping[str, Any]) -> frozenset[str]:
    """What a token is for: a text with spaces (RFC 8693, section 4.2), or a list as others have."""
    given = claims.get("scope", claims.get("scp"))
    words = given.split() if isinstance(given, str) else given
    if not isinstance(words, list):
        return frozenset()
    return frozenset(word for word in words if isinstance(word, str))


def _invalid(reason: str) -> Problem:
    return _unauthorized(f"the bearer token is not valid: {reason}", ' error="invalid_token"')


def _unauthorized(detail: str, parameters: str) -> Problem:
    return Problem(401, detail, {"WWW-Authenticate": f"Bearer{parameters}"})


def _insufficient(scope: str) -> Problem:
    return Problem(
        403,
        f"the bearer token has not the scope {quoted(scope)}",
        {"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{scope}"'},
    )
