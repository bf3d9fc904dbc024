"""The plugin's command line: the settings' table as options of C{twistd}."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from httpd.listening.passed_sockets import socket_problems, start_environment
from httpd.settings.options import ServiceOptions, parameters
from image_management.settings.files import file_problems
from image_management.settings.settings import Settings, parse_settings
from image_management.settings.table import SETTINGS
from image_management.values import VERSION_TEXT


class Options(ServiceOptions[Settings]):
    """The settings, from the command line and, where that says nothing, from the environment."""

    service = "image-management"
    version = VERSION_TEXT
    table = SETTINGS
    optParameters = parameters(SETTINGS)

    longdesc = (
        "Keeps records of recipes, images and public keys, and moves their artifacts about in S3;"
        " a drop-in for Cray's Image Management Service. Each option is also a variable of the"
        " environment: --listen-port is LISTEN_PORT. An option beats the environment. Without"
        " --nodaemon and --pidfile= before the command's name twistd goes to the background."
    )
    examples = (
        "twistd --nodaemon --pidfile= image-management --ims-data-dir /records"
        " --s3-endpoint http://s3.example.com:9000",
    )

    def read(self, texts: Mapping[str, str]) -> Settings:
        """
        Read the settings.

        @raise SettingsError: with everything that is wrong.
        """
        return parse_settings(texts, self.environment.get("HOME", ""))

    def file_problems(self, found: Mapping[str, Any], names: Mapping[str, str]) -> Iterator[str]:
        """What is wrong with the files that settings name, or the process has, one line each."""
        yield from file_problems(found, names)
        yield from socket_problems(start_environment(), found)
