"""What a contestant is, and what it is to do."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path

JPEG = frozenset(("camera", "progressive", "small"))
OPAQUE = JPEG | {"png", "webp", "webp-large", "webp-lossless", "tiff", "gif", "mixed"}
WITHOUT_HEVC = OPAQUE | {"png-alpha", "webp-alpha", "avif"}  # as in libvips' packages
ALL = WITHOUT_HEVC | {"heic"}

# Of thumbnails, by their format.
ENDINGS = {"jpeg": "jpg", "png": "png", "webp": "webp"}

# A process for each processor gets its pictures in so many parts, that none is idle at the end.
PARTS = 4

Commands = list[list[str]]


@dataclass(frozen=True, slots=True)
class Task:
    """
    Attributes:
        folder: of the pictures, and nothing else.
        output: an empty folder for the thumbnails.
        sizes: boxes in px, from large to small.
        jobs: how many processors may be used.
        pictures: how many there are.
        format: of the thumbnails, one of ENDINGS; what is transparent comes on white in a JPEG.
    """

    folder: Path
    output: Path
    sizes: tuple[int, ...]
    jobs: int
    pictures: int
    format: str = "jpeg"


@dataclass(frozen=True, slots=True)
class Contestant:
    """
    Attributes:
        name: for the table.
        version: what it says itself; "" if it is not installed.
        settings: how it is run, in words.
        commands: what is run for a task, one after the other, in the folder of the pictures.
        prepare: what is done before, and not measured.
        kinds: the sets that it can read.
        formats: those that it is made to write.
        pattern: where a thumbnail is in `output`, by the stem of its picture and the ending of its
            format; "" if it makes none.
    """

    name: str
    version: str
    settings: str
    commands: Callable[[Task], Commands]
    prepare: Callable[[Task], object] = lambda _: None
    kinds: frozenset[str] = ALL
    formats: frozenset[str] = frozenset(ENDINGS)
    pattern: str = "**/{stem}.*{ending}"

    def takes_part(self, kind: str, format: str) -> bool:
        """Whether it can read a set, and write a format."""
        return kind in self.kinds and format in self.formats


def split(task: Task, command: Sequence[str]) -> list[str]:
    """A command over all pictures, in a process for each processor."""
    part = ceil(task.pictures / (PARTS * task.jobs))
    line = 'find . -type f -print0 | xargs -0 -P "$0" -n "$@"'
    return ["sh", "-c", line, str(task.jobs), str(part), *command]


def version(command: Sequence[str]) -> str:
    """What looks like a version in what a command prints; "" if there is no such command."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    except OSError:
        return ""
    found = re.search(r"\d+\.\d+[\w.-]*(, libvips [\d.]+)?", done.stdout)
    return found[0] if found and not done.returncode else ""
