"""Detect file systems that send no events for changed files, whose folders must be polled."""

from __future__ import annotations

import os
import re
from contextlib import suppress

# The interval at which folders without events are polled.
POLL_SECONDS = 5.0

# File systems whose files change without an event: on another machine, or in a lower layer.
_EVENTLESS = frozenset(
    ("nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "overlay", "vboxsf", "virtiofs")
)

# How mountinfo writes spaces and backslashes in paths.
_OCTAL = re.compile(rb"\\([0-7]{3})")


def eventless_filesystem(path: str) -> str:
    """Return the type of a folder's file system if changes there may send no event, else "".

    Such changes are made elsewhere. Format: Linux, proc_pid_mountinfo(5).
    """
    folder, kind, longest = os.fsencode(os.path.realpath(path)), "", -1
    with suppress(OSError), open("/proc/self/mountinfo", "rb") as file:
        for line in file:
            mount = _OCTAL.sub(lambda code: bytes([int(code[1], 8)]), line.split(b" ")[4])
            if (folder + b"/").startswith(mount.rstrip(b"/") + b"/") and len(mount) >= longest:
                longest = len(mount)
                kind = line.partition(b" - ")[2].split(b" ")[0].decode("ascii", "replace")
    return kind if kind in _EVENTLESS or kind.startswith("fuse") else ""


def watch_limit_hint() -> str:
    """Return the message for the case that inotify has no watches left."""
    command = "sysctl fs.inotify.max_user_watches=524288"
    with suppress(OSError, ValueError):
        with open("/proc/sys/fs/inotify/max_user_watches", encoding="ascii") as file:
            now = int(file.read())
        command = f"sysctl fs.inotify.max_user_watches={max(524288, 2 * now)}"
    return f"some folders can't be watched, rescans have to do for them; this cures it: {command}"
