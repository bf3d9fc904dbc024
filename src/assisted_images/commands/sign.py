"""C{assisted-images sign}: a URL that holds until a time, for BMCs and all who cannot log in."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO
from urllib.parse import parse_qsl, unquote, urlsplit

from twisted.python import usage

from assisted_images.catalog.catalog import Entry
from assisted_images.commands.some_options import SomeOptions, table_of
from assisted_images.infra_envs.sealing import read_secret
from assisted_images.routes.by_signature import what_is_signed
from assisted_images.routes.checksums import ENDING
from assisted_images.routes.ipxe_script import IpxeScript
from assisted_images.routes.signed_urls import SignedUrls
from assisted_images.values import Architecture, ImageType, canonical_mac
from httpd.settings.options import parameters, the_one
from httpd.texts import quoted
from httpd.web.problems import Problem

LONGEST = 200
"""Characters of a URL: what is longer some BMCs cut."""

_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
_TIME = re.compile(r"([1-9][0-9]{0,8})([smhd]?)", re.ASCII)

_EXPECTED = (
    "expected one of an image, an initrd or a script, such as"
    " https://images.example.com/byid/<id>/<version>/<architecture>/full.iso"
)


@dataclass(frozen=True, slots=True)
class SignSettings:
    """The settings that this needs."""

    url_signing_key_file: Path | None
    image_service_base_url: str | None


_TABLE = table_of(SignSettings)


class SignOptions(SomeOptions[SignSettings]):
    """
    The command line.

    @ivar url: what is to be signed.
    @ivar seconds: for which it is to hold.
    """

    settings_class = SignSettings
    table = _TABLE
    optParameters = [  # noqa: RUF012
        ["expires", None, "24h", "how long it holds: a number with s, m, h or d behind it"],
        *parameters(_TABLE),
    ]
    longdesc = (
        "Prints a URL that leads to what a given one does, until a time, without a query and short"
        " enough for BMCs; for a service with the same URL_SIGNING_KEY_FILE. A path by itself is"
        " one below IMAGE_SERVICE_BASE_URL. Each option but --expires is also a variable of the"
        " environment."
    )
    examples = (
        "assisted-images sign --url-signing-key-file key --expires 8h https://images.example.com"
        "/byid/5a3b6c1e-8f1d-4c57-9a35-0d2f6f3f7c10/4.18/x86_64/minimal.iso",
    )
    url: str
    seconds: int

    def getSynopsis(self) -> str:  # noqa: N802
        """The first line of the help."""
        return "Usage: assisted-images sign [options] <URL>"

    def parseArgs(self, *arguments: str) -> None:  # noqa: N802
        """
        Take the URL.

        @raise usage.UsageError: it is missing.
        """
        self.url = the_one(arguments, "URL of an image")

    def postOptions(self) -> None:
        """
        Check everything.

        @raise usage.UsageError: with what is wrong.
        """
        found = _TIME.fullmatch(self["expires"])
        if found is None:
            text = f"--expires {quoted(self['expires'])}; expected a time such as 45m, 24h or 7d"
            raise usage.UsageError(text)
        self.seconds = int(found[1]) * _SECONDS[found[2]]
        super().postOptions()
        if self.settings.url_signing_key_file is None:
            raise usage.UsageError(
                "--url-signing-key-file is missing; expected the key of the service, which openssl"
                " rand -base64 32 makes"
            )


async def sign(options: SignOptions, output: TextIO, now: Callable[[], float] = time.time) -> None:
    """
    Write the URL.

    @param now: the Unix time.
    @raise ValueError: what is given is no URL of an image, or the signed one would be too long.
    """
    assert options.settings.url_signing_key_file is not None, "it is checked with the options"
    urls = SignedUrls(read_secret(options.settings.url_signing_key_file))
    base, parts, ending = _read(options.url)
    try:
        what_is_signed(parts, {}, _nowhere)
    except Problem as problem:
        raise ValueError(f"{problem.detail}; {_EXPECTED}") from None
    parts[3:-1] = map(canonical_mac, parts[3:-1])  # one that needs no escapes
    path = urls.path(parts, int(now()) + options.seconds)
    url = f"{base or options.settings.image_service_base_url or ''}{path}{ending}"
    if len(url) > LONGEST:
        raise ValueError(
            f"the URL would have {len(url)} characters, and some BMCs cut it; expected at most"
            f" {LONGEST}: a shorter host name, or OpenShift's version instead of the image's own"
        )
    output.write(f"{url}\n")


def _nowhere(script: IpxeScript, entry: Entry) -> str:
    """Nothing is loaded by what is looked at here."""
    raise AssertionError


def _read(url: str) -> tuple[str, list[str], str]:
    """
    What stands before the path of an image, what the path says, and what is behind it.

    @raise ValueError: it is another path.
    """
    split = urlsplit(url)
    path = split.path.removesuffix(ENDING)
    query = dict(reversed(parse_qsl(split.query)))
    for place, read in (("/byid/", _by_path), ("/images/", _by_query)):
        prefix, found, rest = path.partition(place)
        if found:
            base = split._replace(path=prefix, query="", fragment="").geturl()
            parts = read([unquote(part) for part in rest.split("/")], query)
            return base, parts, split.path[len(path) :]
    raise ValueError(f"this is no URL that can be signed; {_EXPECTED}")


def _by_path(parts: list[str], query: Mapping[str, str]) -> list[str]:
    """
    What the path of C{/byid} says.

    @raise ValueError: it has other parts.
    """
    if len(parts) not in {4, 5}:
        raise ValueError(f"the path has {len(parts)} parts behind byid; {_EXPECTED}")
    return parts


def _by_query(parts: list[str], query: Mapping[str, str]) -> list[str]:
    """
    The same of a path below C{/images} with its query.

    @raise ValueError: it has other parts, or there is no such type.
    """
    kind = query.get("type", "")
    match parts:
        case [key] if kind in ImageType.__members__.values():
            file = ImageType(kind).file_name
        case [key, file]:
            pass
        case _:
            raise ValueError(f"the path or its type is none of an image; {_EXPECTED}")
    architecture = "s390x" if file.startswith("s390x") else query.get("arch", Architecture.X86_64)
    host = [query["host"]] if query.get("host") else []
    return [key, query.get("version", ""), architecture, *host, file]
