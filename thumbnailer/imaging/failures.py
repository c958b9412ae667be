"""How trouble in a step becomes a failure that says which step and why."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from thumbnailer.errors import FATAL_ERRNOS
from thumbnailer.model import Failure

# Why a picture fails that somebody goes on writing.
CHANGING = "keeps changing while it is read"

# Why a file fails that holds nothing.
EMPTY = "is empty"

# How the reason begins of a picture whose file ends early.
TRUNCATED = "truncated"

# How it begins where the data make no sense.
DAMAGED = "damaged"


class LimitError(Exception):
    """The header promises more pixels than allowed."""


class NoPictureError(Exception):
    """The content is none of the formats we read."""


class DamageError(Exception):
    """The data make no sense or end early."""


class StageError(Exception):
    """A step could not be done.

    Attributes:
        failure: the step and the reason.
    """

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure)
        self.failure = failure


@contextmanager
def stage(name: str, place: str = "") -> Iterator[None]:
    """Turn whatever is raised within into a StageError; `place` is put before the reason.

    Pillow raises OSError, ValueError, TypeError, SyntaxError, EOFError, struct.error, MemoryError,
    RecursionError, zlib.error and more on bad files.
    """
    try:
        yield
    except StageError:
        raise
    except LimitError as error:
        raise StageError(Failure("limits", str(error))) from None
    except (NoPictureError, DamageError) as error:
        raise StageError(Failure(name, str(error))) from None
    except MemoryError as error:
        raise StageError(Failure(name, "not enough memory")) from error
    except OSError as error:
        reason = error.strerror or _plain_reason(name, error)
        fatal = name == "write" and error.errno in FATAL_ERRNOS
        reason = f"{place}: {reason}" if place else reason
        # An error with a number is the system's: the picture may be fine.
        raise StageError(Failure(name, reason, fatal, lasts=error.errno is None)) from error
    except Exception as error:
        raise StageError(Failure(name, _plain_reason(name, error))) from error


def _plain_reason(name: str, error: Exception) -> str:
    """A reason for what nobody has foreseen; Pillow's words for it speak of its inner life."""
    if name in ("open", "decode"):
        return f"{DAMAGED}: the data make no sense"
    return f"could not be done: {error}"
