"""The plugin's command line: the settings' table as options of C{twistd}."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from assisted_images.settings.files import file_problems
from assisted_images.settings.settings import Settings, parse_settings
from assisted_images.settings.table import SETTINGS
from assisted_images.values import VERSION_TEXT
from httpd.listening.passed_sockets import socket_problems, start_environment
from httpd.settings.options import ServiceOptions, parameters


class Options(ServiceOptions[Settings]):
    """The settings, from the command line and, where that says nothing, from the environment."""

    service = "assisted-images"
    version = VERSION_TEXT
    table = SETTINGS
    optParameters = parameters(SETTINGS)

    longdesc = (
        "Serves CoreOS live ISOs with the Ignition config of an infra-env in them. Each option is"
        " also a variable of the environment: --listen-port is LISTEN_PORT. An option beats the"
        " environment. Without --nodaemon and --pidfile= before the command's name twistd goes to"
        " the background."
    )
    examples: Sequence[str] = (
        "assisted-images serve --data-dir /data --infra-envs-dir /infra-envs"
        " --image-service-base-url http://images.example.com:8080",
        "DATA_DIR=/data INFRA_ENVS_DIR=/infra-envs IMAGE_SERVICE_BASE_URL=http://10.0.0.1:8080"
        " twistd --nodaemon --pidfile= assisted-images",
    )

    def read(self, texts: Mapping[str, str]) -> Settings:
        """
        Read the settings.

        @raise SettingsError: with everything that is wrong.
        """
        return parse_settings(texts)

    def file_problems(self, found: Mapping[str, Any], names: Mapping[str, str]) -> Iterator[str]:
        """What is wrong with the files that settings name, or the process has, one line each."""
        yield from file_problems(found, names)
        yield from socket_problems(start_environment(), found)


class ImageOptions(Options):
    """The same for a command that needs none of those that say how images are served."""

    def read(self, texts: Mapping[str, str]) -> Settings:
        """
        Read the settings.

        @raise SettingsError: with everything that is wrong.
        """
        return parse_settings(texts, serves=False)

    def file_problems(self, found: Mapping[str, Any], names: Mapping[str, str]) -> Iterator[str]:
        """What is wrong with the files that settings name, one line each."""
        return file_problems(found, names)
