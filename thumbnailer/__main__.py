"""Entry point of the commands `thumbnailer` and `python -m thumbnailer`."""

from __future__ import annotations

import os
import sys

import thumbnailer

# How many objects more there are before Python looks for garbage. 40,000 are imported.
_GC_THRESHOLD = 50_000


def main() -> int:
    """Import the command line, run it and return its exit code.

    `--version` alone is answered without the import, in a fifth of the time.

    Until the command line handles signals itself, SIGINT or SIGTERM ends the program at once; after
    it has returned, both are ignored.
    """
    if getattr(sys, "frozen", False):
        thumbnailer.freeze_support()
    if sys.argv[1:] == ["--version"]:
        print(thumbnailer.__version__)
        return 0

    import gc
    import signal

    # All that is imported stays: looking for garbage in it would take a tenth of a short run, at
    # its beginning and at its end.
    gc.set_threshold(_GC_THRESHOLD)
    signals = (signal.SIGINT, signal.SIGTERM)
    for number in signals:
        signal.signal(number, lambda number, _: os._exit(128 + number))
    from thumbnailer.cli.main import main as run_command_line

    code = run_command_line()
    for number in signals:
        signal.signal(number, signal.SIG_IGN)
    if "ray" in sys.modules:
        from thumbnailer.cluster.connect import exit_if_connected

        exit_if_connected(code)
    gc.freeze()
    return code


if __name__ == "__main__":
    sys.exit(main())
