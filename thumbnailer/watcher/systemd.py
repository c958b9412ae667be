"""What systemd is told of a service, and how often: its notification protocol, sd_notify(3).

https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html
"""

from __future__ import annotations

import os
import socket
import time
from contextlib import suppress


def notify(address: str | None, **fields: object) -> None:
    """Tell the service manager something, such as `READY=1` or `STATUS="3 pictures to go"`.

    Nothing is raised and nothing waited for, whoever listens or does not: a service must not fail
    or stall because nobody takes its news.

    Args:
        address: the value of NOTIFY_SOCKET, a path or, after an `@`, an abstract name; None or ""
            where there is no service manager.
        **fields: what to tell; a line break in a value would start another field, so it becomes a
            space.
    """
    if not address or address[0] not in "/@" or not hasattr(socket, "AF_UNIX"):
        return
    lines = [f"{name}={' '.join(str(value).splitlines())}" for name, value in fields.items()]
    where = f"\0{address[1:]}" if address[0] == "@" else address
    with (
        suppress(OSError, ValueError),
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender,
    ):
        sender.setblocking(False)
        # Names of files that are not UTF-8 may be in a status, and the protocol is UTF-8.
        sender.sendto("\n".join(lines).encode(errors="backslashreplace"), os.fsencode(where))


def notify_reloading(address: str | None) -> None:
    """Say that settings are being read anew; `READY=1` ends that."""
    notify(address, RELOADING=1, MONOTONIC_USEC=time.monotonic_ns() // 1000)


def watchdog_interval_seconds(usec: str | None, pid: str | None) -> float | None:
    """How often to send `WATCHDOG=1`: in half the time after which the service counts as hung, as
    sd_watchdog_enabled(3) recommends.

    Args:
        usec: the value of WATCHDOG_USEC, microseconds.
        pid: the value of WATCHDOG_PID, the process that is meant; None if that is not said.

    Returns:
        Seconds, or None if nobody waits for this process.
    """
    if pid and pid != str(os.getpid()):
        return None
    try:
        limit = int(usec or 0)
    except ValueError:
        return None
    return limit / 2e6 if limit > 0 else None
