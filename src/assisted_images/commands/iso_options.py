"""What every command that reads an ISO is told: where it is, and how it is got at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from assisted_images.commands.some_options import SomeOptions, table_of
from httpd.settings.options import parameters, the_one


@dataclass(frozen=True, slots=True)
class IsoSettings:
    """Those of the service's settings that matter here, by the same names."""

    os_images_request_headers: Mapping[str, str] = field(repr=False)
    os_images_request_query_params: Mapping[str, str] = field(repr=False)
    os_image_download_trusted_ca_file: Path | None
    insecure_skip_verify: bool
    origin_connections: int
    http_proxy: str | None = field(repr=False)
    https_proxy: str | None = field(repr=False)
    no_proxy: str | None
    download_stall_seconds: float


_TABLE = table_of(IsoSettings)


class IsoOptions(SomeOptions[IsoSettings]):
    """
    A command line that ends in an ISO.

    @cvar command: the command's name.
    @ivar place: the path of a file, or an HTTP or HTTPS URL.
    """

    command: str
    settings_class = IsoSettings
    table = _TABLE
    optParameters = parameters(_TABLE)
    place: str

    def getSynopsis(self) -> str:  # noqa: N802
        """The first line of the help."""
        return f"Usage: assisted-images {self.command} [options] <ISO or URL>"

    def parseArgs(self, *arguments: str) -> None:  # noqa: N802
        """
        Take the ISO.

        @raise usage.UsageError: it is missing.
        """
        self.place = the_one(arguments, "ISO: its path or its URL")
