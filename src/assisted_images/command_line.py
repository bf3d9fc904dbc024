"""C{assisted-images}: what can be done besides running the service, which C{twistd} does, too."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import react

from assisted_images.commands.check_config import CheckOptions, check_config
from assisted_images.commands.customise import CustomiseOptions, customise
from assisted_images.commands.fetch import FetchOptions, fetch
from assisted_images.commands.infra_env import (
    InfraEnvOptions,
    NewInfraEnvOptions,
    new_infra_env,
)
from assisted_images.commands.inspect import InspectIsoOptions, inspect_iso
from assisted_images.commands.inspect_release import InspectOptions, inspect_release
from assisted_images.commands.sign import SignOptions, sign
from assisted_images.commands.verify import VerifyOptions, verify
from assisted_images.iso9660.errors import IsoError
from assisted_images.settings.options import Options
from assisted_images.values import VERSION_TEXT
from httpd.command_lines.options import CompletionOptions, completion
from httpd.outbound.failures import DownloadError
from httpd.outbound.names import look_names_up_apart
from httpd.process.foreground import serve
from httpd.settings.options import Commands, VersionedOptions, fail
from httpd.texts import os_error_text

_PROGRAM = "assisted-images"
_FAILED = 1
_INTERRUPTED = 130


class ShellOptions(CompletionOptions):
    """For which shell the completion is to be."""

    program = _PROGRAM
    version = VERSION_TEXT


class CommandLine(Commands):
    """What to do."""

    program = _PROGRAM
    meaning = "CoreOS live ISOs with each cluster's configuration in them"
    operands = "<ISO, URL or pull spec>"
    version = VERSION_TEXT

    subCommands = [  # noqa: N815, RUF012
        ["serve", None, Options, "run the service in the foreground"],
        ["check-config", None, CheckOptions, "check the settings, and what they name"],
        ["inspect", None, InspectIsoOptions, "show what a CoreOS live ISO is"],
        ["customise", None, CustomiseOptions, "write an ISO with a configuration in it"],
        ["verify", None, VerifyOptions, "say whether images are what they should be"],
        ["fetch", None, FetchOptions, "fill DATA_DIR with the images that the settings name"],
        ["infra-env", None, InfraEnvOptions, "make a local infra-env"],
        ["sign", None, SignOptions, "print a URL that holds until a time"],
        ["inspect-release", None, InspectOptions, "show what ISOs a release image would give"],
        ["completion", None, ShellOptions, "print what completes command lines in a shell"],
    ]
    longdesc = (
        "Each command has its own --help. In the background the service is run by: twistd"
        " assisted-images"
    )
    examples = (
        "assisted-images inspect rhcos-live.x86_64.iso",
        "assisted-images fetch --data-dir /data",
        "assisted-images check-config --help",
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """
    Run a command and end the process: with 0, with 1 when it has failed, with 2 when it was not
    understood, with 130 when it was interrupted, as shells have it.
    """
    given = sys.argv[1:] if arguments is None else [*arguments]
    if given[:1] == ["serve"]:
        serve(_PROGRAM, given[1:])
    else:
        react(_run, (CommandLine.chosen(given),))


def _run(reactor: Any, options: VersionedOptions) -> Deferred[None]:
    """Do what is asked for; when the process is told to end before, have it end in good order."""
    look_names_up_apart(reactor)
    work, ended = Deferred.fromCoroutine(_done(reactor, options)), Deferred[None]()

    def interrupt() -> Deferred[None]:
        work.cancel()
        return ended

    def end(result: Any) -> Any:
        ended.callback(None)
        return result

    reactor.addSystemEventTrigger("before", "shutdown", interrupt)
    return work.addBoth(end)


Work = Coroutine[Deferred[Any], Any, None]

_WORK: Mapping[type[VersionedOptions], Callable[[Any, Any], Work]] = {
    CheckOptions: lambda reactor, options: check_config(reactor, options, sys.stdout),
    InspectIsoOptions: lambda reactor, options: inspect_iso(reactor, options, sys.stdout),
    CustomiseOptions: customise,
    VerifyOptions: lambda reactor, options: verify(reactor, options, sys.stdout),
    FetchOptions: lambda reactor, options: fetch(reactor, options, sys.stdout),
    NewInfraEnvOptions: lambda _, options: new_infra_env(options, sys.stdout),
    SignOptions: lambda _, options: sign(options, sys.stdout),
    InspectOptions: lambda reactor, options: inspect_release(
        reactor, options, sys.stdout, sys.stderr
    ),
    ShellOptions: lambda _, options: _print_completion(options),
}
"""What is done for each command, by the class of its command line."""


async def _print_completion(options: ShellOptions) -> None:
    sys.stdout.write(completion(CommandLine, options.shell))


def _drop_output() -> None:
    """Have what may be left of it go nowhere: at the end Python would try to write it again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


async def _done(reactor: Any, options: VersionedOptions) -> None:
    """
    Do what is asked for.

    @raise SystemExit: it has failed.
    """
    try:
        await _WORK[type(options)](reactor, options)
        sys.stdout.flush()
    except BrokenPipeError:
        _drop_output()
        fail(_PROGRAM, _FAILED, "nobody reads the output any more")
    except OSError as error:
        _drop_output()
        name = f"{error.filename}: " if error.filename else ""
        fail(_PROGRAM, _FAILED, f"{name}{os_error_text(error)}")
    except CancelledError:
        fail(_PROGRAM, _INTERRUPTED, "interrupted")
    except (DownloadError, IsoError, ValueError) as error:
        fail(_PROGRAM, _FAILED, str(error))
