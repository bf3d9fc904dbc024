"""C{assisted-images}: the commands that are not the service, which is C{twistd}'s plugin."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import react
from twisted.python import usage

from assisted_images.inspect_release import InspectOptions, inspect_release
from assisted_images.values import VERSION_TEXT
from httpd.settings.options import VersionedOptions

_BAD_USAGE = 2


class CommandLine(VersionedOptions):
    """What to do."""

    version = VERSION_TEXT

    subCommands = [  # noqa: N815, RUF012
        ["inspect-release", None, InspectOptions, "show what ISOs a release image would give"]
    ]
    longdesc = "The service itself is run by: twistd assisted-images"

    def getSynopsis(self) -> str:  # noqa: N802
        """The first line of the help."""
        return "Usage: assisted-images inspect-release [options] <pull spec>"

    def postOptions(self) -> None:
        """
        A command is there.

        @raise usage.UsageError: it is not.
        """
        if self.subCommand is None:
            raise usage.UsageError("no command; expected: assisted-images inspect-release")


def main(arguments: Sequence[str] | None = None) -> None:
    """
    Run a command and end the process: with 0, with 1 when it has failed, with 2 when it was not
    understood.
    """
    options = CommandLine()
    try:
        options.parseOptions(sys.argv[1:] if arguments is None else list(arguments))
    except usage.UsageError as error:
        sys.stderr.write(f"assisted-images: {error}\nHelp: assisted-images --help\n")
        sys.exit(_BAD_USAGE)
    react(_run, (options.subOptions,))


def _run(reactor: Any, options: InspectOptions) -> Deferred[None]:
    return Deferred.fromCoroutine(inspect_release(reactor, options, sys.stdout, sys.stderr))
