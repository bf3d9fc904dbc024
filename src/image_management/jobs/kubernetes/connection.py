"""Where the API of the cluster is, whom it is believed to be, and who we are to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from twisted.logger import Logger
from twisted.web.iweb import IPolicyForHTTPS

from httpd.outbound.trust import private_policy, tls_policy
from httpd.texts import os_error_text
from image_management.jobs.kubernetes.kubeconfig import Access, read_kubeconfig

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where a pod has the credentials of its service account (Kubernetes documentation, "Accessing the
Kubernetes API from a Pod")."""

TOKEN_SECONDS = 60.0
"""After which a token's file is read again: the kubelet puts a new token into it, hours before the
old one is refused."""

CONNECT_SECONDS = 10.0
"""For which a connection may take to come up."""

Token = Callable[[], str | None]
"""What C{Authorization: Bearer} has in a request that is about to be sent; C{None}: nothing."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """The API of a cluster, and how it is spoken to."""

    server: str
    """Its URL, without a slash at its end."""
    policy: IPolicyForHTTPS = field(repr=False)
    """Whom it has to be, and the certificate that we have for it."""
    token: Token = field(repr=False)


class TokenFile:
    """A token that is in a file, and in time another one."""

    _log = Logger()

    def __init__(self, path: Path, seconds: Callable[[], float]) -> None:
        """
        @param seconds: the time now.
        @raise ValueError: there is no token.
        """
        self._path = path
        self._seconds = seconds
        try:
            self._token = self._read()
        except OSError as error:
            raise ValueError(f"{path} cannot be read: {os_error_text(error)}") from None
        self._read_at = seconds()

    def __call__(self) -> str:
        """
        The token; while its file cannot be read, the last one.

        It is read where it is asked for: the kubelet has it in memory, not on a disk.
        """
        if self._seconds() - self._read_at >= TOKEN_SECONDS:
            self._read_at = self._seconds()
            try:
                self._token = self._read()
            except (OSError, ValueError) as error:
                self._log.warn(
                    "{path}: {error}: going on with the token that it had",
                    path=str(self._path),
                    error=type(error).__name__,
                )
        return self._token

    def _read(self) -> str:
        token = self._path.read_text("ascii").strip()
        if not token:
            raise ValueError(f"{self._path} is empty; expected a token")
        return token


def cluster_of_pod(
    host: str,
    port: int,
    seconds: Callable[[], float],
    service_account: Path = SERVICE_ACCOUNT,
) -> Cluster:
    """
    The cluster that we run in.  Blocking.

    @param host: KUBERNETES_SERVICE_HOST.
    @param seconds: the time now.
    @raise ValueError: the service account's files are not there.
    """
    place = f"[{host}]" if ":" in host else host
    authorities = service_account / "ca.crt"
    try:
        trusted = authorities.read_bytes()
    except OSError as error:
        raise ValueError(f"{authorities} cannot be read: {os_error_text(error)}") from None
    access = Access(f"https://{place}:{port}", trusted, token_file=service_account / "token")
    return cluster_of(access, seconds)


def cluster_of_file(path: Path, seconds: Callable[[], float]) -> Cluster:
    """
    The cluster that a kubeconfig names.  Blocking.

    @param seconds: the time now.
    @raise ValueError: it names none that can be spoken to.
    """
    return cluster_of(read_kubeconfig(path), seconds)


def cluster_of(access: Access, seconds: Callable[[], float]) -> Cluster:
    """
    How a cluster is spoken to.

    @param seconds: the time now.
    @raise ValueError: its certificates or its token cannot be used.
    """
    if access.verify:
        policy = private_policy(access.authorities, access.certificate, access.server_name)
    else:
        policy = tls_policy(verify=False)
    if access.token_file is not None:
        return Cluster(access.server, policy, TokenFile(access.token_file, seconds))
    return Cluster(access.server, policy, lambda: access.token)
