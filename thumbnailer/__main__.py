"""The program's first instant: `thumbnailer` and `python -m thumbnailer`."""

from __future__ import annotations

import os
import signal
import sys


def main() -> int:
    """Import the command line and run it; until it is up, a signal just ends the program."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: os._exit(128 + number))
    from thumbnailer import cli

    return cli.main()


if __name__ == "__main__":
    sys.exit(main())
