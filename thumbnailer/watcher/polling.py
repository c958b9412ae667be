"""Where the system sends no events for changed files, so that folders must be polled."""

from __future__ import annotations

import os
from contextlib import suppress

# How often files are looked at where no events come.
POLL_SECONDS = 5.0

# File systems whose files change without an event: on another machine, or below a layer.
_EVENTLESS = frozenset(
    ("nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "overlay", "vboxsf", "virtiofs")
)


def eventless_filesystem(path: str) -> str:
    """The kind of file system a folder is on, if changes made elsewhere send no event here, or "".

    Format: Linux, proc_pid_mountinfo(5).
    """
    place, kind, longest = os.path.realpath(path), "", -1
    with suppress(OSError, ValueError):
        for line in _read_text("/proc/self/mountinfo").splitlines():
            mount = line.split(" ")[4].encode().decode("unicode_escape")
            above = mount.rstrip("/") + "/"
            if (place + "/").startswith(above) and len(mount) >= longest:
                kind, longest = line.partition(" - ")[2].split(" ")[0], len(mount)
    return kind if kind in _EVENTLESS or kind.startswith("fuse") else ""


def watch_limit_hint() -> str:
    """What to say when inotify has no watches left."""
    command = "sysctl fs.inotify.max_user_watches=524288"
    with suppress(OSError, ValueError):
        now = int(_read_text("/proc/sys/fs/inotify/max_user_watches"))
        command = f"sysctl fs.inotify.max_user_watches={max(524288, 2 * now)}"
    return f"some folders can't be watched, rescans have to do for them; this cures it: {command}"


def _read_text(path: str) -> str:
    with open(path, encoding="ascii", errors="replace") as file:
        return file.read()
