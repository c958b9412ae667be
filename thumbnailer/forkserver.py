"""What the fork server imports first, for the effect: it keeps quiet.

When it can't fork, it says so in a traceback on stderr and dies; the process that asked notices,
tries again and says it in words. The processes forked here get the real stderr back.
"""

from __future__ import annotations

import os
from contextlib import suppress

_kept: list[int] = []


def _hush() -> None:
    with suppress(OSError):  # there may be no stderr
        _kept.append(os.dup(2))
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 2)
        os.close(nowhere)


def _speak() -> None:
    while _kept:  # only in the first generation
        kept = _kept.pop()
        os.dup2(kept, 2)
        os.close(kept)


_hush()
os.register_at_fork(after_in_child=_speak)
