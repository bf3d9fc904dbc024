"""C{assisted-images}: the commands that are not the service, which is C{twistd}'s plugin."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import react

from assisted_images.inspect_release import InspectOptions, inspect_release
from assisted_images.values import VERSION_TEXT
from httpd.settings.options import Commands


class CommandLine(Commands):
    """What to do."""

    program = "assisted-images"
    operands = "<pull spec>"
    version = VERSION_TEXT

    subCommands = [  # noqa: N815, RUF012
        ["inspect-release", None, InspectOptions, "show what ISOs a release image would give"]
    ]
    longdesc = "The service itself is run by: twistd assisted-images"


def main(arguments: Sequence[str] | None = None) -> None:
    """
    Run a command and end the process: with 0, with 1 when it has failed, with 2 when it was not
    understood.
    """
    react(_run, (CommandLine.chosen(arguments),))


def _run(reactor: Any, options: InspectOptions) -> Deferred[None]:
    return Deferred.fromCoroutine(inspect_release(reactor, options, sys.stdout, sys.stderr))
