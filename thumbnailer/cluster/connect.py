"""What there is to know about a cluster before it is joined, and why it can't be."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

# How long a head may take to answer a knock.
_CONNECT_SECONDS = 2.0


def is_listening(address: str) -> bool:
    """Whether anything listens at HOST:PORT."""
    host, _, port = address.rpartition(":")
    with suppress(OSError):
        socket.create_connection((host.strip("[]"), int(port)), _CONNECT_SECONDS).close()
        return True
    return False


@contextmanager
def kept_signal_handlers() -> Iterator[None]:
    """Keep what this program does on SIGINT and SIGTERM; Ray would end it on the latter."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def connection_error_text(error: BaseException) -> str:
    """Why there is no connection, in words."""
    text = str(error)
    if "AuthenticationError" in f"{type(error).__name__} {text} {error.__context__}":
        return (
            "does not let this program in: RAY_AUTH_MODE must be token, and RAY_AUTH_TOKEN, or the "
            "file that RAY_AUTH_TOKEN_PATH names, must hold the cluster's token"
        )
    if "Could not find any running Ray instance" in text:
        return "no Ray cluster runs on this machine"
    return " ".join(text.split())
