"""A service as a command of its own, in place of C{twistd}'s."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from twisted.python import usage
from twisted.scripts import twistd

from httpd.settings.options import fail


def serve(service: str, arguments: Sequence[str]) -> None:
    """
    Run a service in the foreground until it ends, and end the process.

    @param service: the name of C{twistd}'s plugin.
    @param arguments: its command line.
    """
    # mypy does not see which of the platforms' is imported there.
    options = cast(Any, twistd).ServerOptions()
    options.command = command = f"{service} serve"
    try:
        options.parseOptions(["--nodaemon", "--pidfile=", service, *arguments])
    except usage.UsageError as error:
        fail(command, 1, f"{error}\nHelp: {command} --help")
    twistd.runApp(options)
