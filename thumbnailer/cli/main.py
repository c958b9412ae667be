"""Entry point of the command line: run a command, turn errors into one line and an exit code."""

from __future__ import annotations

import errno
import os
import re
import sys
from collections.abc import Sequence
from contextlib import suppress

from thumbnailer.cli.commands import run
from thumbnailer.cli.help_format import EXIT_COULD_NOT_RUN, EXIT_USAGE
from thumbnailer.cli.output.text import printable
from thumbnailer.cli.parser import parse_args
from thumbnailer.cli.terminal import labelled
from thumbnailer.errors import ConfigError, SourceMissing, ThumbnailError, closest_match, shortened

# Why standard output can't be written. Python does not tell it from other files without a name.
_OUTPUT_ERRORS = {
    errno.EAGAIN,
    errno.EBADF,
    getattr(errno, "EDQUOT", errno.ENOSPC),
    errno.EFBIG,
    errno.EINVAL,
    errno.EIO,
    errno.ENOSPC,
    errno.EPIPE,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code (the README lists them)."""
    _repair_streams()
    try:
        try:
            return run(parse_args(argv))
        finally:
            sys.stdout.flush()  # here, where a write error is still reported
    except ConfigError as error:
        return _print_error(str(error), EXIT_USAGE)
    except SourceMissing as error:
        return _print_error(f"{error}{_missing_path_hint(str(error.filename))}", EXIT_COULD_NOT_RUN)
    except ThumbnailError as error:
        return _print_error(str(error), EXIT_COULD_NOT_RUN)
    except OSError as error:
        if error.filename or error.errno not in _OUTPUT_ERRORS:
            return _print_error(_os_error_words(error), EXIT_COULD_NOT_RUN)
        with suppress(OSError):  # there may be no file descriptor left
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        # That its reader has gone is no error; on Windows this is an invalid argument.
        is_reader_gone = isinstance(error, BrokenPipeError) or (
            os.name == "nt" and error.errno == errno.EINVAL
        )
        if not is_reader_gone:
            _print_error(f"can't write what there is to say: {error.strerror}", EXIT_COULD_NOT_RUN)
        return EXIT_COULD_NOT_RUN


def _os_error_words(error: OSError) -> str:
    if error.errno == errno.ENOENT and not error.filename:
        return "the current folder is not there any more; change to one that is"
    reason = error.strerror or str(error)
    return f"{shortened(os.fsdecode(error.filename))}: {reason}" if error.filename else reason


def _repair_streams() -> None:
    """Open closed standard streams on the null device; escape characters they can't encode."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:  # closed: the next file would take its number, and workers would lack it
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: SIM115
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _missing_path_hint(path: str) -> str:
    """Return a hint for a path that does not exist.

    It says that a link leads to nothing, what to type for a pattern, a similar name, or the topmost
    missing folder; "" for a URL, or if there is none of these.
    """
    from thumbnailer.door.places import is_remote
    from thumbnailer.scan.unknown_scheme import scheme_fault

    if is_remote(path) or scheme_fault(path):
        return ""
    if os.path.islink(path):
        return "; it is a link to nothing"
    if pattern := re.search(rf"[^/{re.escape(os.sep)}]*[*?].*", path):
        import shlex  # 6 ms

        folder = os.path.dirname(path[: pattern.start()]) or os.curdir
        return f"; for a pattern: {shlex.quote(folder)} --include {shlex.quote(pattern[0])}"
    folder, name = os.path.split(os.path.abspath(path))
    with suppress(OSError):
        close = closest_match(name, os.listdir(folder))
        return f"; did you mean {os.path.join(os.path.dirname(path), close)}?" if close else ""
    while not os.path.lexists(os.path.dirname(folder)):
        folder = os.path.dirname(folder)
    return "" if os.path.lexists(folder) else f"; there is no {folder} either"


def _print_error(message: str, code: int) -> int:
    print(labelled("thumbnailer", printable(message), sys.stderr), file=sys.stderr)
    return code
