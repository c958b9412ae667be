"""Notifications to systemd: readiness, status and watchdog pings, as in sd_notify(3).

https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html
"""

from __future__ import annotations

import os
import socket
import time
from contextlib import suppress


def notify(address: str | None, **fields: object) -> None:
    """Send fields such as `READY=1` or `STATUS="3 pictures to go"` to the service manager.

    It never raises and never waits: a service must not fail or stall because nobody reads its
    notifications.

    Args:
        address: the value of NOTIFY_SOCKET, a path or, after an `@`, an abstract name; None or ""
            if there is no service manager.
        **fields: what to send; a line break in a value would start another field, so it is
            replaced by a space.
    """
    if not address or address[0] not in "/@" or not hasattr(socket, "AF_UNIX"):
        return
    lines = [f"{name}={' '.join(str(value).splitlines())}" for name, value in fields.items()]
    target = f"\0{address[1:]}" if address[0] == "@" else address
    with (
        suppress(OSError, ValueError),
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender,
    ):
        sender.setblocking(False)
        # The protocol is UTF-8, but a status may hold file names that are not.
        sender.sendto("\n".join(lines).encode(errors="backslashreplace"), os.fsencode(target))


def notify_reloading(address: str | None) -> None:
    """Report that the settings are being reloaded; `READY=1` ends that state."""
    notify(address, RELOADING=1, MONOTONIC_USEC=time.monotonic_ns() // 1000)


def watchdog_interval_seconds(usec: str | None, pid: str | None) -> float | None:
    """Return the interval at which to send `WATCHDOG=1`: half the watchdog time-out.

    The time-out is the time after which a service counts as hung. Half of it is what
    sd_watchdog_enabled(3) recommends.

    Args:
        usec: the value of WATCHDOG_USEC, the time-out in microseconds.
        pid: the value of WATCHDOG_PID, the process that has to send it; None if it is not set.

    Returns:
        Seconds, or None if systemd expects nothing from this process.
    """
    if pid and pid != str(os.getpid()):
        return None
    try:
        limit = int(usec or 0)
    except ValueError:
        return None
    return limit / 2e6 if limit > 0 else None
