"""
The file that says where a cluster is and who one is to it (Kubernetes documentation, "Organizing
Cluster Access Using kubeconfig Files").

What is read of it takes fewer lines here than a library for it brings modules with it: those that
there are come with a client of their own, and with that client's HTTP.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from httpd.settings.readers import base_url
from httpd.texts import os_error_text, quoted


class BadKubeconfig(ValueError):
    """It cannot be used; the text says why, and quotes nothing that may be secret."""


@dataclass(frozen=True, slots=True)
class Access:
    """What the current context of a kubeconfig says."""

    server: str
    """The API's URL, without a slash at its end."""
    authorities: bytes | None = field(default=None, repr=False)
    """PEM certificates that the server's is verified by; C{None}: the system's."""
    verify: bool = True
    """Whether it is verified at all."""
    server_name: str | None = None
    """Whom it has to be for; C{None}: the URL's host."""
    token: str | None = field(default=None, repr=False)
    token_file: Path | None = None
    certificate: bytes | None = field(default=None, repr=False)
    """The user's certificate and private key in PEM."""


_UNUSABLE = ("exec", "auth-provider", "username", "password", "as", "impersonate")
"""What users may be named by that is not known here."""


def read_kubeconfig(path: Path) -> Access:
    """
    Read a file.  Blocking.

    @raise BadKubeconfig: it says nothing that can be used.
    """
    try:
        document = yaml.safe_load(_bytes(path, "it"))
    except (yaml.YAMLError, RecursionError, UnicodeDecodeError):
        raise BadKubeconfig("it is no YAML; expected a kubeconfig") from None
    context = _named(document, "context", _text(document, "current-context"))
    cluster = _named(document, "cluster", _text(context, "cluster"))
    user = _named(document, "user", _text(context, "user"))
    return _access(_File(path.parent), cluster, user)


def _access(file: _File, cluster: Mapping[str, Any], user: Mapping[str, Any]) -> Access:
    for name in _UNUSABLE:
        if user.get(name):
            raise BadKubeconfig(
                f"its user has {name}, which is not known here; expected a token, a tokenFile or a"
                " client-certificate"
            )
    if cluster.get("proxy-url"):
        raise BadKubeconfig("its cluster has proxy-url; expected HTTPS_PROXY in the environment")
    certificate = file.data(user, "client-certificate")
    key = file.data(user, "client-key")
    if (certificate is None) != (key is None):
        raise BadKubeconfig("its user has one of client-certificate and client-key; expected both")
    try:
        server = base_url(_text(cluster, "server"))
    except ValueError as error:
        raise BadKubeconfig(f"its cluster's server is {error}") from None
    verify = not cluster.get("insecure-skip-tls-verify")
    if certificate is not None and not verify:
        raise BadKubeconfig(
            "it has insecure-skip-tls-verify and a client-certificate; expected a"
            " certificate-authority"
        )
    token_file = user.get("tokenFile")
    return Access(
        server,
        file.data(cluster, "certificate-authority"),
        verify,
        cluster.get("tls-server-name") or None,
        user.get("token") or None,
        None if token_file is None else file.folder / str(token_file),
        None if certificate is None or key is None else certificate + b"\n" + key,
    )


@dataclass(frozen=True, slots=True)
class _File:
    """What relative names in it are relative to."""

    folder: Path

    def data(self, members: Mapping[str, Any], name: str) -> bytes | None:
        """A file's content, which is named, or there itself."""
        inside = members.get(f"{name}-data")
        if inside:
            try:
                return base64.b64decode(str(inside), validate=True)
            except binascii.Error:
                raise BadKubeconfig(f"its {name}-data is no base64") from None
        given = members.get(name)
        return _bytes(self.folder / str(given), f"its {name}") if given else None


def _bytes(path: Path, what: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadKubeconfig(f"{what} cannot be read: {path}: {os_error_text(error)}") from None


def _named(document: Any, kind: str, name: str) -> Mapping[str, Any]:
    """The one of a name among the contexts, clusters or users."""
    those = document.get(f"{kind}s") if isinstance(document, dict) else None
    for one in those if isinstance(those, list) else []:
        if isinstance(one, dict) and one.get("name") == name and isinstance(one.get(kind), dict):
            found: Mapping[str, Any] = one[kind]
            return found
    raise BadKubeconfig(f"it has no {kind} {quoted(name)}")


def _text(members: Any, name: str) -> str:
    value = members.get(name) if isinstance(members, dict) else None
    if not isinstance(value, str) or not value:
        raise BadKubeconfig(f"it has no {name}; expected a kubeconfig")
    return value
