"""Check a Ray cluster before connecting, and explain refusals."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

# Time-out of a test connection to the cluster's head.
_CONNECT_SECONDS = 2.0


def is_listening(address: str) -> bool:
    """Return whether anything listens at `address`, which is HOST:PORT."""
    host, _, port = address.rpartition(":")
    with suppress(OSError):
        socket.create_connection((host.strip("[]"), int(port)), _CONNECT_SECONDS).close()
        return True
    return False


@contextmanager
def preserve_signal_handlers() -> Iterator[None]:
    """Restore the handlers of SIGINT and SIGTERM at the end; Ray's would end the program."""
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
    """Return why connecting to the cluster failed, in words."""
    text = str(error)
    if "AuthenticationError" in f"{type(error).__name__} {text} {error.__context__}":
        return (
            "does not let this program in: RAY_AUTH_MODE must be token, and RAY_AUTH_TOKEN, or the "
            "file that RAY_AUTH_TOKEN_PATH names, must hold the cluster's token"
        )
    if "Could not find any running Ray instance" in text:
        return "no Ray cluster runs on this machine"
    return " ".join(text.split())
