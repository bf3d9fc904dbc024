"""
Private names of Twisted that the service uses: which, of what, and where.

A release of Twisted may take them away without a word; then a test here says which.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterable, Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from twisted.python.reflect import namedAny
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementedBy
from zope.interface.interface import InterfaceClass

from demo.service import ROOT


class Used(NamedTuple):
    """Private names of one class, interface or module of Twisted's, in one module of ours."""

    user: str
    """The module that reads, calls or overrides them."""

    owner: str
    """What has them, itself or by a base."""

    names: tuple[str, ...]


USED = (
    Used(
        "assisted_images.workers.accepting",
        "twisted.internet.tcp.Port",
        ("_fromListeningDescriptor",),
    ),
    Used(
        "httpd.http1.channel",
        "twisted.web.http.HTTPChannel",
        (
            "_dataBuffer",
            "_handlingRequest",
            "_networkProducer",
            "_send100Continue",
            "_waitingForTransport",
        ),
    ),
    Used(
        "httpd.http1.head_channel",
        "twisted.web.http.HTTPChannel",
        (
            "_command",
            "_path",
            "_receivedHeaderSize",
            "_respondToBadRequestAndDisconnect",
            "_transferDecoder",
            "_version",
        ),
    ),
    Used(
        "httpd.http1.head_channel",
        "twisted.protocols.basic.LineReceiver",
        ("_buffer", "_busyReceiving"),
    ),
    Used(
        "httpd.outbound.bodies",
        "twisted.web._newclient.TransportProxyProducer",
        ("_producer",),
    ),
    Used(
        "httpd.outbound.names",
        "twisted.internet._resolver",
        ("GAIResolver",),
    ),
    Used(
        "httpd.outbound.trust",
        "twisted.internet._sslverify",
        ("IOpenSSLTrustRoot",),
    ),
    Used(
        "httpd.outbound.trust",
        "twisted.internet._sslverify.IOpenSSLTrustRoot",
        ("_addCACertsToContext",),
    ),
    Used(
        "httpd.streaming.regions",
        "twisted.internet.abstract.FileDescriptor",
        ("_isSendBufferFull", "_maybePauseProducer"),
    ),
    Used(
        "httpd.streaming.regions",
        "twisted.internet.tcp.Connection",
        ("_aborting",),
    ),
    Used(
        "httpd.streaming.tls_transport",
        "twisted.internet.abstract.FileDescriptor",
        ("_postLoseConnection",),
    ),
    Used(
        "httpd.streaming.tls_transport",
        "twisted.internet.tcp.Connection",
        ("_dataReceived",),
    ),
    Used(
        "httpd.web.request",
        "twisted.web.http.Request",
        ("_disconnected",),
    ),
    Used(
        "image_management.jobs.ssh.channels",
        "twisted.conch.ssh.channel.SSHChannel",
        ("_log",),
    ),
    Used(
        "image_management.jobs.ssh.connections",
        "twisted.conch.ssh.connection.SSHConnection",
        ("_log",),
    ),
    Used(
        "image_management.jobs.nodes.client",
        "twisted.conch.ssh.transport.SSHTransportBase",
        ("_log",),
    ),
    Used(
        "image_management.jobs.nodes.client",
        "twisted.conch.ssh.userauth.SSHUserAuthClient",
        ("_log",),
    ),
    Used(
        "image_management.jobs.nodes.client",
        "twisted.conch.ssh.connection.SSHConnection",
        ("_log",),
    ),
    Used(
        "image_management.jobs.nodes.commands",
        "twisted.conch.ssh.channel.SSHChannel",
        ("_log",),
    ),
)

_OF_OTHERS = frozenset({"_replace", "_read_data_block"})
"""A named tuple's method, and one of PySquashfsImage's."""


class PrivateNameTests(SynchronousTestCase):
    """The list, against the Twisted that is installed and against our sources."""

    def test_twisted_has_them(self) -> None:
        gone = [
            f"{one.owner} has no {name}, which {one.user} uses"
            for one in USED
            for name in one.names
            if not _has(one.owner, name)
        ]
        self.assertEqual(gone, [])

    def test_they_are_all(self) -> None:
        """
        Each is in the list, and each in the list is used.  A name on C{self} that nobody defines,
        or that a base of Twisted's has come to define too, counts as used.
        """
        listed = {(one.user, name) for one in USED for name in one.names}
        used = {(module, name) for module, file in _modules() for name in _found(module, file)}
        self.assertEqual((sorted(used - listed), sorted(listed - used)), ([], []))


def _has(owner_name: str, name: str) -> bool:
    try:
        owner: Any = namedAny(owner_name)
    except (AttributeError, ImportError, ValueError):
        return False
    if isinstance(owner, InterfaceClass):
        return name in owner
    if isinstance(owner, type):
        return any(name in _defined(base) for base in owner.__mro__)
    return hasattr(owner, name)


def _modules() -> Iterator[tuple[str, Path]]:
    """Our modules by name."""
    for file in sorted((ROOT / "src").rglob("*.py")):
        parts = file.relative_to(ROOT / "src").with_suffix("").parts
        yield ".".join(part for part in parts if part != "__init__"), file


def _found(module: str, file: Path) -> set[str]:
    """
    Twisted's private names in a module: what is imported, what stands on C{self} or in the body of
    a class with a base or an interface of Twisted's, and what of other objects is not the module's
    own.
    """
    tree = ast.parse(file.read_text("utf-8"))
    imported: Any = import_module(module)
    classes = [value for value in vars(imported).values() if _is_of(value, module)]
    own = {*vars(imported), *(name for each in classes for name in _defined(each))}
    return {
        *_imported(tree),
        *(name for each in classes for name in _inherited(each)),
        *(_elsewhere(tree, imported) - own - _OF_OTHERS),
    }


def _is_of(value: object, module: str) -> bool:
    return isinstance(value, type) and value.__module__ == module


def _imported(tree: ast.AST) -> Iterator[str]:
    """What is imported from Twisted's private modules, and private names from the others."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and _is_twisted(node.module or ""):
            private = "._" in (node.module or "")
            yield from (one.name for one in node.names if private or _is_private(one.name))
        elif isinstance(node, ast.Import):
            yield from (
                one.name for one in node.names if _is_twisted(one.name) and "._" in one.name
            )


def _inherited(cls: type) -> set[str]:
    """
    What a class shares with its bases and interfaces of Twisted's, and what it finds on C{self}
    that no class defines; nothing for a class that has none of them.
    """
    theirs = {
        name for base in cls.__mro__ if _is_twisted(base.__module__) for name in _defined(base)
    }
    interfaces = [one for one in implementedBy(cls).flattened() if _is_twisted(one.__module__)]
    promised = {name for one in interfaces for name in one}
    if not (theirs or promised):
        return set()
    on_self = _private(_on_self(_source(cls)))
    known = {name for base in cls.__mro__ for name in _defined(base)}
    return (_private(_defined(cls)) | on_self) & (theirs | promised) | (on_self - known)


def _elsewhere(tree: ast.AST, imported: ModuleType) -> set[str]:
    """
    Private attributes of whatever is not C{self}, and no module of others, by a dot or by
    C{getattr} and its like.
    """
    others = {
        name
        for name, value in vars(imported).items()
        if isinstance(value, ModuleType) and not _is_twisted(value.__name__)
    }
    names = set()
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=ast.Name(id=module)) if module in others:
                pass
            case ast.Attribute(value=value, attr=name) if not _is_self(value):
                names.add(name)
            case ast.Call(
                func=ast.Name(id="getattr" | "setattr" | "hasattr" | "delattr"),
                args=[_, ast.Constant(value=str(name)), *_],
            ):
                names.add(name)
    return _private(names)


@cache
def _defined(cls: type) -> frozenset[str]:
    """What a class has in its body, and what its methods assign on C{self}."""
    assigned = _on_self(_source(cls), stored=True)
    return frozenset({*vars(cls), *inspect.get_annotations(cls), *assigned})


@cache
def _source(cls: type) -> ast.AST:
    """The text of a class; of one that is not written in Python there is none."""
    try:
        return ast.parse(textwrap.dedent(inspect.getsource(cls)))
    except (OSError, TypeError):
        return ast.Module([], [])


def _on_self(tree: ast.AST, *, stored: bool = False) -> set[str]:
    return {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and _is_self(node.value)
        and (isinstance(node.ctx, ast.Store) or not stored)
    }


def _is_self(node: ast.AST) -> bool:
    match node:
        case ast.Name(id="self" | "cls") | ast.Call(func=ast.Name(id="super")):
            return True
    return False


def _is_twisted(module: str) -> bool:
    return module.partition(".")[0] == "twisted"


def _private(names: Iterable[str]) -> set[str]:
    return set(filter(_is_private, names))


def _is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")
