"""Which infra-envs a local directory holds; blocking, called in threads."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import msgspec

from assisted_images.values import is_canonical_mac, is_infra_env_id
from httpd.texts import shortened

_LARGEST = 1 << 20
"""Bytes of an C{infra-env.json} that is looked at for a name."""

_LONGEST_NAME = 80

HOSTS = "hosts"
"""The folder of an infra-env with what single hosts have besides."""

_MOST_HOSTS = 200
"""So many are told of one infra-env."""


class _Named(msgspec.Struct):
    name: str = ""


_NAMED = msgspec.json.Decoder(_Named)


class LocalInfraEnv(NamedTuple):
    """One of them."""

    id: str
    name: str
    """What its C{infra-env.json} calls it; empty where that says nothing."""

    changed_at: float
    """When its Ignition config was last changed, in seconds since the epoch."""

    hosts: tuple[str, ...] = ()
    """The MAC addresses of hosts that have something of their own, where they were asked for."""


class Listing(NamedTuple):
    """Some of them, and how many there are."""

    total: int
    infra_envs: tuple[LocalInfraEnv, ...]


def list_infra_envs(directory: Path, first: int, most: int) -> Listing:
    """
    Some infra-envs of a directory, those that were changed last first.

    @param first: so many are left out.
    @param most: so many are told.
    @raise OSError: the directory cannot be read.
    """
    found: list[tuple[float, str]] = []
    with os.scandir(directory) as entries:
        for entry in entries:
            if is_infra_env_id(entry.name):
                with suppress(OSError):
                    found.append((_changed_at(directory / entry.name), entry.name))
    found.sort(key=lambda one: (-one[0], one[1]))
    shown = found[first : first + most]
    return Listing(
        len(found), tuple(LocalInfraEnv(id, _name(directory / id), at) for at, id in shown)
    )


def local_infra_env(directory: Path, infra_env_id: str) -> LocalInfraEnv | None:
    """
    One infra-env, with its hosts; C{None} where there is none such.

    @param infra_env_id: an id.
    """
    place = directory / infra_env_id
    try:
        return LocalInfraEnv(infra_env_id, _name(place), _changed_at(place), _hosts(place))
    except OSError:
        return None


def _changed_at(place: Path) -> float:
    return (place / "discovery.ign").stat().st_mtime


def _name(place: Path) -> str:
    """Its name, as far as anybody has written one down."""
    try:
        file = os.open(place / "infra-env.json", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(file, "rb") as opened:
            name = _NAMED.decode(opened.read(_LARGEST)).name
    except (OSError, ValueError, msgspec.MsgspecError, RecursionError):
        return ""
    return shortened(name, _LONGEST_NAME) if name.isprintable() else ""


def _hosts(place: Path) -> tuple[str, ...]:
    """Folders that are called as requests have them looked for, in order."""
    try:
        names = sorted(one.name for one in (place / HOSTS).iterdir())
    except OSError:
        return ()
    return tuple(name for name in names if is_canonical_mac(name))[:_MOST_HOSTS]
