"""Workers that start well and take no job: the pipe is closed to all that comes to them."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from typing import Any

from support.takeover_work import connection
from thumbnailer.model import Job, Rendering


def work(job: Job, claim: Callable[[int], None]) -> Rendering:
    raise NotImplementedError


def __getattr__(name: str) -> Any:
    """Called in each worker when it looks for its function, before it says that it is ready."""
    if name != "lost_before":
        raise AttributeError(name)
    with socket.socket(fileno=os.dup(connection().fileno())) as pipe:
        pipe.shutdown(socket.SHUT_RD)
    return work
