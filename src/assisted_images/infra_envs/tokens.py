"""
Reading the infra-env's id out of a token in a URL.

Nothing is verified here: assisted-service, which gets the token with every call, verifies it.
"""

from __future__ import annotations

import jwt


class TokenError(ValueError):
    """The token names no infra-env; the text says why, without the token."""


_CLAIMS = ("sub", "infra_env_id")
"""Tokens of users name the infra-env in C{sub}, those of local authentication in the other."""


def infra_env_id(token: str) -> str:
    """
    The id of the infra-env that the token is for: its C{sub}, else its C{infra_env_id}.  One that
    is empty or null is not there.

    @raise TokenError: the token is no JWT, or names no infra-env by a string.
    """
    try:
        # This one option switches off the checks of exp, nbf, iat, aud, iss and sub as well.
        payload = jwt.decode(token, options={"verify_signature": False})
    except (jwt.InvalidTokenError, ValueError, TypeError, RecursionError):
        # PyJWT's own texts may quote parts of the token.
        raise TokenError("the token cannot be read; expected a JSON Web Token") from None
    for claim in _CLAIMS:
        value = payload.get(claim)
        if value not in (None, ""):
            if not isinstance(value, str):
                raise TokenError(f"the token's {claim} is no infra-env id; expected a string")
            return value
    raise TokenError(f"the token names no infra-env; expected a claim {' or '.join(_CLAIMS)}")
