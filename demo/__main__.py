"""C{python -m demo}, as C{make run} starts it."""

from __future__ import annotations

import signal


def _main() -> None:
    # While modules are imported and the sample is made there is nothing that has to be stopped
    # first: Ctrl-C ends the process, without a traceback of where it was.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from demo.run import main  # noqa: PLC0415

    main()


if __name__ == "__main__":
    _main()
