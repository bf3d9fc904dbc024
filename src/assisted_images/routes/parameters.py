"""Reading what a request says, and refusing what cannot be meant."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

from assisted_images.infra_envs.configurations import Credential, CredentialKind
from assisted_images.values import Architecture, canonical_mac, is_infra_env_id
from httpd.texts import shortened
from httpd.web.problems import Problem
from httpd.web.request import ServiceRequest

VERSION_REQUIRED = "'version' parameter required"


class Parameters(NamedTuple):
    """
    All that decides what a request asks.  Equal ones ask the same.

    Some of it is secret, so the repr shows nothing.
    """

    path: tuple[str, ...]
    """What stands in the path for the parameters of the route, decoded."""

    query: tuple[tuple[bytes, bytes], ...] = ()
    """The first value of each query parameter."""

    authorization: str | None = None
    """The C{Authorization} header."""

    @classmethod
    def of(cls, request: ServiceRequest) -> Parameters:
        """Those of a request."""
        arguments = request.args or {}
        return cls(
            tuple(request.path_values),
            tuple([(name, values[0]) for name, values in arguments.items()]),
            request.fields.get("authorization"),
        )

    def __repr__(self) -> str:
        return "<Parameters>"

    def parameter(self, name: str) -> str | None:
        """A query parameter; L{None} where it is absent or empty."""
        return dict(self.query).get(name.encode(), b"").decode("utf-8", "replace") or None

    def version(self, missing: str) -> str:
        """
        The C{version} query parameter.

        @raise Problem: it is absent; the text is C{missing}.
        """
        version = self.parameter("version")
        if version is None:
            raise Problem(400, missing)
        return version

    def host(self, facts: Facts) -> str | None:
        """
        The C{host} query parameter, a MAC address, in one spelling; L{None} where it is absent.

        @param facts: are told it.
        @raise Problem: it is none.
        """
        host = self.parameter("host")
        return None if host is None else _host(host, facts, 400, "the 'host' parameter")

    @property
    def architecture(self) -> str:
        """The C{arch} query parameter, as it was written; x86_64 where it is absent or empty."""
        return self.parameter("arch") or Architecture.X86_64

    def credential(
        self, path_kind: CredentialKind = CredentialKind.NONE, path_token: str = ""
    ) -> Credential:
        """
        What the client proves itself with towards assisted-service (docs/reference/http-api.md,
        "Credentials").

        @param path_kind: what the path's token is, where it has one.
        """
        path = {path_kind: path_token}
        for kind, secret in (
            (CredentialKind.API_KEY, path.get(CredentialKind.API_KEY)),
            (CredentialKind.API_KEY, self.parameter("api_key")),
            (CredentialKind.IMAGE_TOKEN, path.get(CredentialKind.IMAGE_TOKEN)),
            (CredentialKind.IMAGE_TOKEN, self.parameter("image_token")),
            (CredentialKind.AUTHORIZATION, self.authorization),
        ):
            if secret:
                return Credential(kind, secret)
        return Credential()


def checked_infra_env_id(text: str) -> str:
    """
    An infra-env's id as it stands in a path.

    @raise Problem: it is no lower-case UUID.
    """
    if not is_infra_env_id(text):
        # Not shown: some who mistake the route have a token there.
        raise Problem(404, "the infra-env id in the path is wrong; expected a lower-case UUID")
    return text


def checked_host(parts: Sequence[str], facts: Facts) -> str | None:
    """
    The host that a path may name, by its MAC address.

    @param parts: those that stand where it may: one, or none.
    @raise Problem: it is none.
    """
    return _host(parts[0], facts, 404, "the host in the path") if parts else None


def _host(text: str, facts: Facts, status: int, place: str) -> str:
    try:
        host = facts["host"] = canonical_mac(text)
    except ValueError as error:
        raise Problem(status, f"{place} is {error}") from None
    return host


T = TypeVar("T")


Facts = dict[str, str]
"""What the log is told of a request, as far as it could be read, by name."""

_TOLD = ("version", "arch", "type")
"""Query parameters that the log is told."""

Read = Callable[[Parameters, Facts], T]
"""
Reads parameters, and tells what they are about; nothing else decides what it returns.  Raises
L{Problem} where they make no sense.
"""


@dataclass(frozen=True, slots=True)
class Question(Generic[T]):
    """What a request asks, or why it makes no sense."""

    facts: Facts
    _wanted: T | None
    _refusal: tuple[int, str] | None = None

    @classmethod
    def read(cls, read: Read[T], parameters: Parameters) -> Question[T]:
        """Read it out of a request's parameters."""
        facts: Facts = {}
        for name in _TOLD:
            if told := parameters.parameter(name):
                facts[name] = told
        wanted: T | None = None
        refusal: tuple[int, str] | None = None
        try:
            wanted = read(parameters, facts)
        except Problem as problem:
            refusal = problem.status, problem.detail
        return cls({name: shortened(fact) for name, fact in facts.items()}, wanted, refusal)

    @property
    def wanted(self) -> T:
        """
        What is asked for.

        @raise Problem: the request makes no sense.
        """
        if self._wanted is None:
            assert self._refusal is not None
            raise Problem(*self._refusal)
        return self._wanted
