"""The repositories that a recipe's image is built from: they are waited for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from image_management.jobs.local.inside import read_whole

DESCRIPTION = "config.xml"
"""What kiwi reads (https://osinside.github.io/kiwi/image_description.html)."""

_LONGEST = 4 * 1024 * 1024
"""Bytes."""


class BadDescription(Exception):
    """It does not describe an image; the text says why."""


def repository_urls(recipe: Path) -> list[str]:
    """
    Where the index of each repository is that is to be reached over the network: where it answers,
    so does the repository.

    @raise BadDescription: that cannot be read.
    """
    try:
        root = fromstring(read_whole(recipe, DESCRIPTION, _LONGEST), forbid_dtd=True)
    except OSError as error:
        raise BadDescription(f"recipe: {DESCRIPTION}: {error.strerror or error}") from None
    except (ParseError, DefusedXmlException, ValueError) as error:
        raise BadDescription(f"recipe: {DESCRIPTION}: {type(error).__name__}: {error}") from None
    return list(dict.fromkeys(_urls(root)))


def _urls(root: Element) -> Iterator[str]:
    for repository in root.iter("repository"):
        for source in repository.iter("source"):
            path = source.get("path", "")
            try:
                is_web = urlsplit(path).scheme in {"http", "https"}
            except ValueError:
                raise BadDescription(f"recipe: {DESCRIPTION}: {path[:200]!r} is no URL") from None
            if is_web:
                yield f"{path.rstrip('/')}/{_index(repository)}"


def _index(repository: Element) -> str:
    distribution = repository.get("distribution")
    if repository.get("type") == "apt-deb" and distribution:
        return f"dists/{distribution}/Release"
    return "repodata/repomd.xml"
