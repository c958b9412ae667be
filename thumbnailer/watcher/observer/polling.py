"""Poll folders, and detect those that have to be, since no events tell of changes in them."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

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


class PolledTree:
    """A folder tree as watchdog's polling sees it: without links to folders.

    Args:
        root: the folder; the paths below begin with it.
        enters: whether a folder is to be looked at, by its path relative to the root.
    """

    def __init__(self, root: str, enters: Callable[[str], bool]) -> None:
        self._root, self._enters = root, enters
        self._statuses: dict[str, os.stat_result] = {}  # of what was listed, until it is asked for

    def listdir(self, folder: str | None) -> Iterator[Any]:
        """Return what is in a folder: pictures, perhaps behind links, and folders to look at.

        Raises:
            FileNotFoundError: it is gone, or is a link now.
            OSError: it can't be read.
        """
        from thumbnailer.disk import files  # 20 ms, which `--help` spares: it tells of POLL_SECONDS

        folder = self._root if folder is None else folder
        if folder == self._root:
            self._statuses.clear()
        place = files.folder_below(self._root, folder)
        found = []
        try:
            with files.open_folder(place) as opened, files.scan_folder(opened) as entries:
                for entry in entries:
                    with suppress(OSError):  # a link to nothing
                        status = entry.stat()
                        is_folder = stat.S_ISDIR(status.st_mode)
                        path = os.path.join(place.below, entry.name)
                        if is_folder and (entry.is_symlink() or not self._enters(path)):
                            continue
                        if files.is_hidden(entry):
                            continue
                        self._statuses[os.path.join(folder, entry.name)] = status
                        found.append(entry)
        except files.LinkRefused as error:
            raise FileNotFoundError(*error.args) from None
        return iter(found)

    def stat(self, path: str) -> os.stat_result:
        """Return the status of what `listdir` has found, or of the root.

        Raises:
            OSError: it can't be determined.
        """
        return self._statuses.pop(path, None) or os.stat(path)
