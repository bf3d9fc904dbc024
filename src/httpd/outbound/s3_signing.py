"""
Requests to an S3 server in the name of a user: signed by their header (Amazon S3 API Reference,
"Authenticating Requests (AWS Signature Version 4)").
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from twisted.internet.defer import Deferred
from twisted.web.http_headers import Headers
from twisted.web.iweb import IBodyProducer, IResponse
from zope.interface import implementer

from httpd.outbound.agent import IOutboundAgent
from httpd.urls import web_origin

# At level DEBUG botocore would write signatures, and what they are made of.
logging.getLogger("botocore.auth").setLevel(logging.INFO)

_SIGNED_URL = b"X-Amz-Signature="


@dataclass(frozen=True, slots=True)
class S3User:
    """Who asks an S3 server, and where that is."""

    endpoint: str
    """Its URL; addresses are path-style, C{endpoint/bucket/key}."""

    region: str
    """What signatures are for."""

    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)


@implementer(IOutboundAgent)
class SigningAgent:
    """An agent whose requests to one S3 server are signed; all others are as they are."""

    def __init__(self, agent: IOutboundAgent, user: S3User) -> None:
        self._agent = agent
        self._server = web_origin(user.endpoint)
        credentials = Credentials(user.access_key, user.secret_key)
        self._signer = S3SigV4Auth(credentials, "s3", user.region)

    def request(
        self,
        method: bytes,
        uri: bytes,
        headers: Headers | None = None,
        bodyProducer: IBodyProducer | None = None,  # noqa: N803
    ) -> Deferred[IResponse]:
        """See L{IAgent<twisted.web.iweb.IAgent>}; there is no body to a request that is signed."""
        url = uri.decode("ascii")
        if web_origin(url) == self._server and bodyProducer is None and _SIGNED_URL not in uri:
            headers = headers.copy() if headers else Headers()
            request = AWSRequest(method.decode("ascii"), url)
            self._signer.add_auth(request)
            for name, value in request.headers.items():
                headers.setRawHeaders(name, [value])
        return self._agent.request(method, uri, headers, bodyProducer)

    def way(self, url: str) -> str:
        """See L{IOutboundAgent}."""
        return self._agent.way(url)
