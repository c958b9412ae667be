"""Check a Ray cluster before connecting, and explain refusals."""

from __future__ import annotations

import atexit
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import ModuleType

# Time-out of a test connection to the cluster's head.
_CONNECT_SECONDS = 2.0

# How long disconnecting may take; with a head that answers, it takes a tenth of a second.
_DISCONNECT_SECONDS = 10.0


def is_listening(address: str) -> bool:
    """Return whether anything listens at `address`, which is HOST:PORT."""
    host, _, port = address.rpartition(":")
    with suppress(OSError):
        socket.create_connection((host.strip("[]"), int(port)), _CONNECT_SECONDS).close()
        return True
    return False


def disconnect(ray: ModuleType) -> None:
    """Disconnect from the cluster; Ray itself would wait without end for a head that hangs."""
    thread = threading.Thread(target=ray.shutdown, daemon=True)
    thread.start()
    thread.join(_DISCONNECT_SECONDS)
    if thread.is_alive():
        atexit.unregister(ray.shutdown)


def exit_if_connected(code: int) -> None:
    """End the program here if it could not disconnect: Ray's threads would make its end a crash."""
    ray = sys.modules.get("ray")
    if ray and ray.is_initialized():
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError):
                stream.flush()
        os._exit(code)


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
