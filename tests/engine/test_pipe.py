"""The pipe between a worker and its parent, where the system gives it little room."""

from __future__ import annotations

import random
import socket
import threading
import time

import pytest
from support.marks import posix_only

from thumbnailer.engine.messages.pipe import ParentPipe, Pipe

pytestmark = posix_only

# What macOS gives a pair of sockets (xnu, bsd/kern/uipc_usrreq.c: unpst_sendspace).
ROOM_BYTES = 8192


def ends() -> tuple[socket.socket, socket.socket]:
    pair = socket.socketpair()
    for end in pair:
        for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
            end.setsockopt(socket.SOL_SOCKET, option, ROOM_BYTES)
    return pair


@pytest.mark.parametrize("length", [1, 8191, 8193, 16_000, 5_000_000])
def test_messages_larger_than_its_room_pass_both_ways(length: int) -> None:
    ours, theirs = ends()
    parent, worker = ParentPipe(ours, lambda: None, lambda: None), Pipe(theirs)
    sent = random.Random(length).randbytes(length)
    echo = threading.Thread(target=lambda: worker.write(worker.read(length)))
    echo.start()
    deadline = time.monotonic() + 30
    parent.write(sent, deadline)
    assert parent.read(length, deadline) == sent
    echo.join()
    parent.close()
    with pytest.raises(EOFError):
        worker.read(1)
    worker.close()


def test_a_worker_that_takes_nothing_is_given_up_at_the_deadline() -> None:
    ours, theirs = ends()
    parent = ParentPipe(ours, lambda: None, lambda: None)
    with theirs, pytest.raises(TimeoutError):
        parent.write(bytes(5_000_000), time.monotonic() + 0.2)
    parent.close()
