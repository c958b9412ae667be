"""argv into one of the commands, and whatever goes wrong into one line and an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress

from thumbnailer.cli.commands import run
from thumbnailer.cli.help_format import EXIT_COULD_NOT_RUN, EXIT_USAGE, closest_match
from thumbnailer.cli.output.text import printable
from thumbnailer.cli.parser import parse_args
from thumbnailer.errors import ConfigError, SourceMissing, ThumbnailError
from thumbnailer.urls import is_url


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code (the README lists them)."""
    _repair_streams()
    try:
        try:
            return run(parse_args(argv))
        finally:
            sys.stdout.flush()  # here, where somebody says so if it can't be done
    except ConfigError as error:
        return _print_error(str(error), EXIT_USAGE)
    except SourceMissing as error:
        return _print_error(f"{error}{_missing_path_hint(str(error.filename))}", EXIT_COULD_NOT_RUN)
    except ThumbnailError as error:
        return _print_error(str(error), EXIT_COULD_NOT_RUN)
    except OSError as error:  # our own output can't be written
        with suppress(OSError):  # there may not even be a descriptor left
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):  # else its reader has gone, which is no news
            _print_error(f"can't write what there is to say: {error.strerror}", EXIT_COULD_NOT_RUN)
        return EXIT_COULD_NOT_RUN


def _repair_streams() -> None:
    """Have somewhere to print to, and let no name end a run that can't print it."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:  # closed; what is opened next would get its number, and workers none
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: SIM115
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _missing_path_hint(path: str) -> str:
    """A hint at what a path that is not there was meant to be: a name like it, or what is missing
    above it."""
    if is_url(path):
        return ""
    folder, name = os.path.split(os.path.abspath(path))
    with suppress(OSError):
        close = closest_match(name, os.listdir(folder))
        return f"; did you mean {os.path.join(os.path.dirname(path), close)}?" if close else ""
    while not os.path.lexists(os.path.dirname(folder)):
        folder = os.path.dirname(folder)
    return "" if os.path.lexists(folder) else f"; there is no {folder} either"


def _print_error(words: str, code: int) -> int:
    print(f"thumbnailer: {printable(words)}", file=sys.stderr)
    return code
