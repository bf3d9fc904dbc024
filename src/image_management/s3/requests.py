"""
S3's operations as HTTP requests, signed, and its answers read: botocore without its I/O.

What is used of botocore is not documented as its public interface; requirements/run.txt pins it,
and the tests notice when it changes.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth
from botocore.awsrequest import HeadersDict, create_request_object, prepare_request_dict
from botocore.credentials import Credentials
from botocore.loaders import Loader
from botocore.model import OperationModel, ServiceModel
from botocore.parsers import create_parser
from botocore.serialize import create_serializer

from image_management.s3.access import S3Access

# At level DEBUG botocore would write signatures, and what they are made of.
logging.getLogger("botocore.auth").setLevel(logging.INFO)

_PROTOCOL = "rest-xml"
_SERVICE = "s3"
_ERROR = re.compile(rb"\s*(<\?xml[^>]*\?>)?\s*<Error[\s>]")
_CODE = re.compile(r"[A-Za-z0-9.]{1,64}")


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """One request, ready to be sent; its signature holds for some minutes."""

    method: bytes
    url: bytes = field(repr=False)
    fields: list[tuple[bytes, bytes]] = field(repr=False)
    body: bytes = field(repr=False)


@cache
def _service() -> ServiceModel:
    """All that S3 can do, as AWS describes it; reading it takes a while, and once is enough."""
    return ServiceModel(Loader().load_service_model(_SERVICE, "service-2"), _SERVICE)


class Requests:
    """Makes requests for one server in the name of one user, and reads the answers."""

    def __init__(self, access: S3Access) -> None:
        self._service = _service()
        self._serializer = create_serializer(_PROTOCOL)
        self._parser = create_parser(_PROTOCOL)
        self._endpoint = access.endpoint
        self._region = access.region
        self._credentials = Credentials(access.access_key, access.secret_key)
        self._signer = S3SigV4Auth(self._credentials, _SERVICE, access.region)

    def signed(self, operation: str, parameters: Mapping[str, Any]) -> SignedRequest:
        """
        A request, signed by its header (Amazon S3 API Reference, "Authenticating Requests (AWS
        Signature Version 4)").

        @param operation: S3's name of it, such as C{HeadObject}.
        @param parameters: as the API Reference calls them.
        """
        request = self._request(operation, parameters)
        self._signer.add_auth(request)
        prepared = request.prepare()
        fields = [
            (name.encode("ascii"), value if isinstance(value, bytes) else value.encode())
            for name, value in prepared.headers.items()
            if name.lower() != "content-length"  # it is whoever sends the body who says it
        ]
        method, url = prepared.method.encode("ascii"), prepared.url.encode("ascii")
        return SignedRequest(method, url, fields, prepared.body or b"")

    def presigned(self, operation: str, seconds: int, parameters: Mapping[str, Any]) -> str:
        """
        A URL that is signed itself.

        @param seconds: for how long it is valid.
        """
        request = self._request(operation, parameters)
        signer = S3SigV4QueryAuth(self._credentials, _SERVICE, self._region, expires=seconds)
        signer.add_auth(request)
        url: str = request.prepare().url
        return url

    def _request(self, operation: str, parameters: Mapping[str, Any]) -> Any:
        model = self._operation(operation)
        request = self._serializer.serialize_to_request(dict(parameters), model)
        prepare_request_dict(request, self._endpoint, context={})
        return create_request_object(request)

    def _operation(self, name: str) -> OperationModel:
        return self._service.operation_model(name)

    def parsed(
        self, operation: str, status: int, fields: Mapping[str, str], body: bytes
    ) -> Mapping[str, Any]:
        """
        What an answer of success says; a body that is an object is in it as C{Body}.

        @param fields: of its header, with names in lower case.
        @raise ValueError: it is no such answer.
        """
        model = self._operation(operation)
        payload: Mapping[str, Any] = {}
        if model.has_streaming_output:
            payload, body = {"Body": body}, b""
        headers = HeadersDict(fields)
        headers.pop("expires", None)  # any text, which botocore would want to be a date
        answer = {"status_code": status, "headers": headers, "body": body}
        try:
            parsed: Mapping[str, Any] = self._parser.parse(answer, model.output_shape)
        except Exception as error:  # of several libraries, as there are kinds of nonsense
            raise ValueError("its answer cannot be read") from error
        return {**parsed, **payload}

    def error_code(self, status: int, body: bytes) -> str:
        """S3's own word for an error, such as C{AccessDenied}; empty where it gives none."""
        if not body:
            return ""
        answer = {"status_code": max(status, 300), "headers": HeadersDict(), "body": body}
        try:
            code = self._parser.parse(answer, None)["Error"]["Code"]
        except Exception:  # as above: the status will have to do
            return ""
        return code if isinstance(code, str) and _CODE.fullmatch(code) else ""


def is_error(body: bytes) -> bool:
    """
    Whether the body of a 200 says that it was none: long copies begin to answer before they are
    done (Amazon S3 API Reference, "CopyObject").
    """
    return _ERROR.match(body) is not None
