"""The program's first and last instants: `thumbnailer` and `python -m thumbnailer`."""

from __future__ import annotations

import os
import signal
import sys

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def main() -> int:
    """Import the command line and run it.

    Until it is up a signal just ends the program; once it is done, one changes nothing more.
    """
    for number in _SIGNALS:
        signal.signal(number, lambda number, _: os._exit(128 + number))
    from thumbnailer import cli

    code = cli.main()
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    return code


if __name__ == "__main__":
    sys.exit(main())
