"""A secondary's process.  Only the primary can start one: it says what is to be done by a pipe."""

from __future__ import annotations

import os
import sys
from functools import partial

from twisted.logger import Logger, globalLogBeginner

from assisted_images.secrets import REDACTION
from assisted_images.settings.settings import parse_settings
from assisted_images.workers import inheritance
from assisted_images.workers.messages import WELCOME_DECODER
from assisted_images.workers.pipes import read_message
from assisted_images.workers.secondary import Secondary
from httpd.logs.events import JsonLogObserver
from httpd.logs.lines import JsonLines, Unbuffered
from httpd.logs.requests import RequestLines, RequestLog
from httpd.process.reactor import prepare_reactor


def begin_log(level: str, worker: int) -> RequestLog:
    """
    Write this process's log to standard output, which is a secondary's pipe to the primary.

    @param level: the least severe that is written.
    @return: where requests' lines go.
    """
    lines = JsonLines(Unbuffered(sys.stdout), REDACTION, level, worker)
    globalLogBeginner.beginLoggingTo([JsonLogObserver(lines)], redirectStandardIO=False)
    return RequestLines(lines)


def main() -> int:
    """
    Serve until the primary is gone, or says that it is enough.

    @return: the exit status.
    """
    from twisted.internet import reactor

    prepare_reactor(reactor)
    inheritance.end_with_parent()
    try:
        welcome = read_message(partial(os.read, inheritance.FROM_PRIMARY), WELCOME_DECODER)
    except EOFError:
        return 1  # the primary is gone already
    texts = {name: os.fsdecode(text) for name, text in welcome.settings.items()}
    settings = parse_settings(texts)
    request_log = begin_log(settings.log_level, welcome.number)
    try:
        secondary = Secondary(welcome, settings, reactor, request_log)
        secondary.start()
    except Exception:
        Logger().failure("this worker cannot start")
        return 1
    reactor.run()
    return 0 if secondary.ended_well else 1


if __name__ == "__main__":
    sys.exit(main())
