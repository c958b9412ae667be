"""Disks that are mounted and unmounted while something goes on."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def mounts(disk: Path) -> Iterator[Callable[..., None]]:
    """A function that mounts something on a folder, which has nothing mounted on it in the end."""

    def mount(*what: str) -> None:
        try:
            subprocess.run(["mount", *what, str(disk)], check=True, capture_output=True, text=True)
        except (OSError, subprocess.CalledProcessError) as error:
            pytest.skip(f"can't mount: {getattr(error, 'stderr', error)}")

    try:
        yield mount
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], stderr=subprocess.DEVNULL, check=False)


def unmount(disk: Path) -> None:
    """Take the disk away as a person does, who tries again when it is busy."""
    retry = (
        'for i in 1 2 3 4 5 6 7 8 9; do umount "$0" 2>/dev/null && exit; sleep 0.2; done; exit 1'
    )
    subprocess.run(["sh", "-c", retry, str(disk)], check=True)


def listed(place: str | int) -> str:
    """Return the path of a folder that is listed, by what `os.scandir` is called with."""
    if isinstance(place, str):
        return place
    if sys.platform == "darwin":
        import fcntl

        return os.fsdecode(fcntl.fcntl(place, fcntl.F_GETPATH, bytes(1024)).rstrip(b"\0"))
    return os.readlink(f"/proc/self/fd/{place}")
