"""
Where configurations come from, as seen by those who need one: the question, the interface that
answers it, and the error.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Protocol

import msgspec

from assisted_images.values import (
    Configuration,
    ImageType,
    KernelArgumentEdit,
    KernelArgumentOperation,
    in_order,
)
from httpd.texts import quoted

LARGEST_PART = 64 * 1024 * 1024
"""Bytes that one part of a configuration may have; real ones have some hundred KiB."""


class CredentialKind(StrEnum):
    """How a client proves that it may have an infra-env's configuration."""

    NONE = "none"
    API_KEY = "api_key"
    IMAGE_TOKEN = "image_token"  # noqa: S105 - a kind, no secret
    AUTHORIZATION = "authorization"


@dataclass(frozen=True, slots=True)
class Credential:
    """What a client sent, to be passed on to assisted-service unverified."""

    kind: CredentialKind = CredentialKind.NONE
    secret: str = field(default="", repr=False)
    """The token, the API key, or the whole value of the C{Authorization} header."""


@dataclass(frozen=True)
class ConfigurationRequest:
    """One infra-env's configuration, for one kind of image, asked for by one client."""

    infra_env_id: str
    image_type: ImageType | None
    """None on the initrd routes, which serve no ISO."""
    credential: Credential = field(default_factory=Credential)
    host: str | None = None
    """Which host it is for, by its MAC address; assisted-service has the same for all."""

    @cached_property
    def digest(self) -> bytes:
        """
        SHA-256 of all that assisted-service is asked: names the question to those who keep answers
        for longer than a request, and shows nothing of the secret.
        """
        total = hashlib.sha256()
        credential = self.credential
        for part in (self.infra_env_id, self.image_type or "", credential.kind, credential.secret):
            encoded = part.encode("utf-8", "surrogatepass")
            total.update(len(encoded).to_bytes(8, "big") + encoded)
        return total.digest()

    @property
    def wants_ramdisk(self) -> bool:
        """Whether the image has a place for static network files: minimal ISOs and initrds."""
        return self.image_type in {None, ImageType.MINIMAL}

    @property
    def wants_kernel_arguments(self) -> bool:
        """Whether the image has a kernel command line: ISOs."""
        return self.image_type is not None


class InfraEnvError(Exception):
    """
    No configuration.  The text is one sentence for the client; it holds no secret.

    @ivar status: the HTTP status that the client gets.
    """

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class UnreadableInfraEnv(InfraEnvError):
    """What should be an infra-env is no JSON."""


class InfraEnvSource(Protocol):
    """Answers L{ConfigurationRequest}s."""

    async def configuration(self, request: ConfigurationRequest) -> Configuration:
        """
        The infra-env's configuration.

        @raise InfraEnvError: there is none to be had; cancelling raises C{CancelledError}.
        """


class _KernelArgument(msgspec.Struct):
    operation: str
    value: str


class _InfraEnv(msgspec.Struct):
    kernel_arguments: str | list[_KernelArgument] | None = None


_INFRA_ENV = msgspec.json.Decoder(_InfraEnv)
_KERNEL_ARGUMENTS = msgspec.json.Decoder(list[_KernelArgument] | None)


def kernel_arguments(infra_env: bytes) -> tuple[KernelArgumentEdit, ...]:
    """
    The kernel arguments in an infra-env's JSON: C{kernel_arguments} is absent, null, empty, or a
    I{string} that holds a JSON list of C{{"operation": "append", "value": "..."}}, as
    assisted-service answers; or such a list, as people write it.  The other operations are
    C{delete} and C{replace}, which assisted-service knows but does not let through yet, and whose
    values are coreos-installer's.

    @raise InfraEnvError: 500, it is something else.
    @raise UnreadableInfraEnv: 500, one of the two is no JSON.
    """
    # The decoder's own text may quote what it read; these are enough to find the fault.
    expected = 'expected a list of {"operation": "append", "value": "..."}, or its JSON in a string'
    try:
        entries = _INFRA_ENV.decode(infra_env).kernel_arguments
        if isinstance(entries, str):
            entries = _KERNEL_ARGUMENTS.decode(entries) if entries else None
    except msgspec.ValidationError:
        raise InfraEnvError(
            500, f"the infra-env's kernel_arguments cannot be read; {expected}"
        ) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise UnreadableInfraEnv(
            500, f"the infra-env or its kernel_arguments are no JSON that can be read; {expected}"
        ) from None
    return in_order(map(_edit, entries or []))


def _edit(entry: _KernelArgument) -> KernelArgumentEdit:
    try:
        operation = KernelArgumentOperation(entry.operation)
    except ValueError:
        raise InfraEnvError(
            500,
            f"the infra-env's kernel_arguments ask for the operation {quoted(entry.operation)};"
            " expected append, replace or delete",
        ) from None
    # A line break would end the boot loader's line in the middle.
    if not entry.value.isprintable():
        raise InfraEnvError(500, "the infra-env's kernel_arguments hold a control character")
    return KernelArgumentEdit(operation, entry.value)
