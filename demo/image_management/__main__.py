"""C{python -m demo.image_management}, as C{make run-ims} starts it."""

from __future__ import annotations

import signal


def _main() -> None:
    # Until the service runs there is nothing that has to be stopped first.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from demo.image_management.run import main  # noqa: PLC0415

    main()


if __name__ == "__main__":
    _main()
