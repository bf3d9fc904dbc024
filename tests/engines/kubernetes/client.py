"""A small client of Kubernetes' API for tests."""

from __future__ import annotations

import json
from copy import copy
from io import BytesIO
from typing import Any
from urllib.parse import urlencode

from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_pem_x509_certificates
from twisted.internet.ssl import Certificate, trustRootFromCertificates
from twisted.web.client import (
    Agent,
    BrowserLikePolicyForHTTPS,
    FileBodyProducer,
    HTTPConnectionPool,
    readBody,
)
from twisted.web.http_headers import Headers
from twisted.web.iweb import IResponse

from tests.engines.kubernetes.resources import KINDS, Json, StatusError
from tests.httpd.outbound.servers import trial_reactor

_CONNECT_SECONDS = 10


class Client:
    """
    Who does something with the objects of one namespace.  Resources are named by their plurals.

    @ivar namespace: which.
    @ivar authority: in PEM, the certificate by which the server is known; empty: it needs none.
    """

    def __init__(self, server: str, token: str, namespace: str, authority: bytes = b"") -> None:
        self.namespace = namespace
        self._server = server
        self._token = token
        self.authority = authority
        policy = BrowserLikePolicyForHTTPS()
        if authority:
            chain = load_pem_x509_certificates(authority)
            trusted = [Certificate.loadPEM(one.public_bytes(Encoding.PEM)) for one in chain]
            policy = BrowserLikePolicyForHTTPS(trustRootFromCertificates(trusted))
        reactor = trial_reactor()
        # A connection with TLS takes a while to end; one that stays can be waited for.
        self._pool = HTTPConnectionPool(reactor, persistent=bool(authority))
        self._agent = Agent(reactor, policy, connectTimeout=_CONNECT_SECONDS, pool=self._pool)

    def within(self, namespace: str) -> Client:
        """The same in another namespace, with the same connections."""
        other = copy(self)
        other.namespace = namespace
        return other

    async def close(self) -> None:
        """End all connections."""
        await self._pool.closeCachedConnections()

    async def create(self, resource: str, thing: Json) -> Json:
        """
        Make an object.

        @raise StatusError: it cannot be made.
        """
        kind = KINDS[resource]
        named = {"apiVersion": kind.api_version, "kind": kind.name, **thing}
        return await self.ask("POST", self._path(resource), named)

    async def get(self, resource: str, name: str) -> Json:
        """
        An object.

        @raise StatusError: there is none.
        """
        return await self.ask("GET", self._path(resource, name))

    async def items(self, resource: str, labels: str = "") -> list[Json]:
        """All objects that a label selector names."""
        query = f"?{urlencode({'labelSelector': labels})}" if labels else ""
        items: list[Json] = (await self.ask("GET", self._path(resource) + query))["items"]
        return items

    async def names(self, resource: str, labels: str = "") -> list[str]:
        """Their names."""
        return [one["metadata"]["name"] for one in await self.items(resource, labels)]

    async def patch(self, resource: str, name: str, change: Json, subresource: str = "") -> Json:
        """
        Change an object by a merge patch (RFC 7396).

        @param subresource: such as C{status}.
        @raise StatusError: it cannot be changed.
        """
        path = self._path(resource, name, subresource)
        return await self.ask("PATCH", path, change, "application/merge-patch+json")

    async def delete(self, resource: str, name: str, **options: Any) -> Json:
        """
        Delete an object.

        @param options: as the API has them, such as C{propagationPolicy}.
        @raise StatusError: there is none.
        """
        return await self.ask("DELETE", self._path(resource, name), options)

    async def log(self, pod: str, container: str, **options: object) -> str:
        """
        What a container has written.

        @param options: as the API has them, such as C{tailLines}.
        """
        query = urlencode({"container": container, **options})
        return (await self._exchange("GET", f"{self._path('pods', pod, 'log')}?{query}")).decode()

    async def ask(
        self, method: str, path: str, body: Json | None = None, kind: str = "application/json"
    ) -> Json:
        """
        One request.

        @raise StatusError: it is refused.
        """
        answer: Json = json.loads(await self._exchange(method, path, body, kind))
        return answer

    async def open(self, path: str) -> IResponse:
        """The answer to a GET, whose body is still to be delivered."""
        return await self.send("GET", path)

    async def send(
        self, method: str, path: str, body: bytes | None = None, kind: str = "application/json"
    ) -> IResponse:
        """The answer to one request, whose body is still to be delivered."""
        fields = {"authorization": [f"Bearer {self._token}"], "content-type": [kind]}
        sent = None if body is None else FileBodyProducer(BytesIO(body))
        url = (self._server + path).encode()
        return await self._agent.request(method.encode(), url, Headers(fields), sent)

    async def _exchange(
        self, method: str, path: str, body: Json | None = None, kind: str = "application/json"
    ) -> bytes:
        sent = None if body is None else json.dumps(body).encode()
        response = await self.send(method, path, sent, kind)
        data = bytes(await readBody(response))
        if response.code < 300:
            return data
        try:
            status = json.loads(data)
        except ValueError:
            raise StatusError(response.code, "", data.decode("latin-1")) from None
        reason, message = status.get("reason", ""), status.get("message", "")
        raise StatusError(response.code, reason, message, **(status.get("details") or {}))

    def _path(self, resource: str, name: str = "", subresource: str = "") -> str:
        return KINDS[resource].path(self.namespace, name, subresource)
