"""What the fork server imports first, for the effect: it keeps quiet and prepares the sandbox.

When it can't fork, it says so in a traceback on stderr and dies; the process that asked notices,
tries again and says it in words. The processes forked here get the real stderr back.

To find the C library, the sandbox's binding runs `ldconfig` once (3 ms) and imports a good deal
(20 ms): here, where it is done once for all workers, and before there is any picture.
"""

from __future__ import annotations

import os
from contextlib import suppress

from thumbnailer.engine import sandbox

_saved_stderr: list[int] = []


def _silence_stderr() -> None:
    with suppress(OSError):  # there may be no stderr
        _saved_stderr.append(os.dup(2))
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 2)
        os.close(nowhere)


def _restore_stderr() -> None:
    while _saved_stderr:  # only in the first generation
        kept = _saved_stderr.pop()
        os.dup2(kept, 2)
        os.close(kept)


_silence_stderr()
sandbox.unavailable_reason()
os.register_at_fork(after_in_child=_restore_stderr)
