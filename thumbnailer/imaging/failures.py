"""Turn exceptions in a processing step into failures that name the step and the reason."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from thumbnailer.errors import WorkerError, shortened
from thumbnailer.model import FATAL_ERRNOS, Failure

# The reason for a file that was changed during every attempt to read it.
CHANGING = "keeps changing while it is read"

# The reason for a file without content.
EMPTY = "is empty"

# The start of the reason for a file that ends early.
TRUNCATED = "truncated"

# The start of the reason for a file with invalid data.
DAMAGED = "damaged"


# The start of the note on a thumbnail that shows less of its picture because of a limit.
LIMITED = "is an animation of"


# The key in `Image.info` of a note, in words, on how a picture was decoded.
NOTE = "thumbnailer note"

# System errors of this process, which are no picture's and would meet every other one.
_HOST_ERRNOS = frozenset({errno.EMFILE, errno.ENFILE})

# A picture that takes its worker along, or takes too long, may not be the cause: the machine may
# have been short of memory or time. If it happens in so many runs, it is.
LASTS_AFTER_RUNS = 3


class LimitError(Exception):
    """A picture needs more pixels, scans or memory than the limits allow."""


class NoPictureError(Exception):
    """The content is in none of the formats that are read."""


class MissingExtraError(NoPictureError):
    """The content is of a kind that is read once an extra is installed."""


class DamageError(Exception):
    """The data are invalid or end early."""


class StageError(Exception):
    """A processing step failed.

    Attributes:
        failure: the step and the reason.
    """

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure)
        self.failure = failure


@contextmanager
def stage(name: str, place: str = "") -> Iterator[None]:
    """Turn any exception raised within into a StageError, or a WorkerError if it is of the host.

    `place` is put before the reason of an OSError. Pillow raises OSError, ValueError, TypeError,
    SyntaxError, EOFError, struct.error, MemoryError, RecursionError, zlib.error and more on bad
    files.
    """
    try:
        yield
    except (StageError, WorkerError):
        raise
    except LimitError as error:
        raise StageError(Failure("limits", str(error))) from None
    except (NoPictureError, DamageError) as error:
        lasts = not isinstance(error, MissingExtraError)
        raise StageError(Failure(name, str(error), lasts=lasts)) from None
    except MemoryError as error:
        # Of the machine, for the moment, or of what a worker may have, which depends on its past.
        failure = Failure(name, "not enough memory", lasts=False, suspect=True)
        raise StageError(failure) from error
    except ImportError as error:  # of an extra that is being replaced, or can't be mapped
        raise StageError(Failure(name, f"could not be done: {error}", lasts=False)) from error
    except OSError as error:
        reason = error.strerror or _plain_reason(name, error)
        if error.errno in _HOST_ERRNOS:
            raise WorkerError(f"this process can't go on: {reason}") from error
        fatal = name == "write" and error.errno in FATAL_ERRNOS
        reason = f"{shortened(place)}: {reason}" if place else reason
        # An error with a number comes from the operating system: the picture may be intact.
        raise StageError(Failure(name, reason, fatal, lasts=error.errno is None)) from error
    except Exception as error:
        raise StageError(Failure(name, _plain_reason(name, error))) from error


def unread(kind: str) -> str:
    """Return the reason for a picture of a kind, `a PNG in ...`, that is not read."""
    return f"is {kind}, which is not read here"


def is_of_system(error: Exception) -> bool:
    """Return whether an error comes from the system around it: the picture may be intact."""
    has_number = isinstance(error, OSError) and error.errno is not None
    return has_number or isinstance(error, MemoryError | ImportError)


def _plain_reason(name: str, error: Exception) -> str:
    """Return a reason for an unforeseen error; Pillow's messages describe its own internals."""
    if name in ("open", "decode"):
        return f"{DAMAGED}: the data make no sense"
    return f"could not be done: {error}"
