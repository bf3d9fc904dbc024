"""How the double's requests are read, and answered."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from twisted.web.server import Request

from tests.engines.kubernetes.orders import Asked
from tests.engines.kubernetes.resources import Kind, StatusError, place_of

_VERBS = {"POST": "create", "GET": "get", "DELETE": "delete", "PATCH": "patch"}


def read(
    request: Request, kinds: Mapping[str, Kind], users: Mapping[str, str]
) -> tuple[str, Asked, Kind]:
    """
    Who asks for what, and for which kind of objects.

    @param kinds: what there is.
    @param users: by their tokens.
    @raise StatusError: that is nobody, or nothing that there is.
    """
    scheme, _, token = (request.getHeader("authorization") or "").partition(" ")
    user = users.get(token) if scheme == "Bearer" else None
    if user is None:
        raise StatusError(401, "Unauthorized", "Unauthorized")
    parts = urlsplit(request.uri.decode())
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    kind, namespace, name, subresource = place_of(parts.path, kinds)
    verb = _VERBS.get(request.method.decode())
    if verb is None:
        raise StatusError(405, "MethodNotAllowed", "the server does not allow this method")
    if verb == "get" and not name:
        verb = "watch" if query.get("watch") in {"true", "1"} else "list"
    resource = f"{kind.plural}/{subresource}" if subresource else kind.plural
    return user, Asked(verb, resource, namespace, name, query), kind


def body_of(request: Request) -> tuple[Any, str]:
    """
    What a request says in JSON, and its media type.

    @raise StatusError: nothing that can be read.
    """
    data = body_bytes(request)
    media_type = (request.getHeader("content-type") or "").partition(";")[0]
    try:
        return json.loads(data or b"null"), media_type
    except ValueError:
        message = "couldn't get version/kind; json parse error"
        raise StatusError(400, "BadRequest", message) from None


def body_bytes(request: Request) -> bytes:
    """What a request says."""
    assert request.content is not None
    request.content.seek(0)
    data: bytes = request.content.read()
    return data


def send(request: Request, what: Any) -> None:
    """Answer with an object, or with an error."""
    error = what if isinstance(what, StatusError) else None
    if error is not None and not error.reason:
        # Of what no part of the server knows.
        data, kind = b"404 page not found\n", "text/plain; charset=utf-8"
    else:
        data, kind = json.dumps(error.document if error else what).encode(), "application/json"
    created = 201 if request.method == b"POST" else 200
    request.setResponseCode(error.code if error else created)
    request.setHeader("content-type", kind)
    request.setHeader("content-length", str(len(data)))
    request.write(data)
    request.finish()
