"""Runs that share their pictures: which belong to which shard, and all shards of a run."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable
from hashlib import blake2b
from pathlib import Path
from typing import Any

from support.pictures import files_below
from support.program import THUMBNAILER, Run, checked
from thumbnailer import Outcome, iter_thumbnails

# Names of which each asks for another's thumbnail, or for one that some file systems take for it.
CONFLICTING = ("a.png", "a.png.jpg", "b/c.JPG", "b/c.jpg", "b/d.webp", "b/d.webp.jpg")

NAMES = (*CONFLICTING, *(f"{number % 3}/IMG_{number:04}.jpg" for number in range(24)))


# How many shards `run_shards` has.
COUNT = 3


def shard_of(name: str, count: int) -> int:
    """Which of some shards a picture belongs to, by its path below the SOURCE."""
    digest = blake2b(name.encode("utf-8", "surrogateescape"), digest_size=8).digest()
    return int.from_bytes(digest, "big") % count + 1


def apart(one: str, other: str) -> int:
    """A number of shards that puts two pictures into different ones."""
    return next(count for count in range(2, 99) if shard_of(one, count) != shard_of(other, count))


def every(count: int) -> list[str]:
    return [f"{number}/{count}" for number in range(1, count + 1)]


def run_shards(source: str | Path, **overrides: Any) -> dict[str, Outcome]:
    """What becomes of each picture, by its path; checks that each is in one shard only."""
    found = [one for k in every(COUNT) for one in iter_thumbnails(source, shard=k, **overrides)]
    by_path = {one.source.path: one for one in found}
    assert len(by_path) == len(found)
    return by_path


def run_at_once(count: int, *arguments: str | Path) -> list[Run]:
    """All shards at the same time, each in a process of its own."""
    processes = [
        subprocess.Popen(
            [
                *THUMBNAILER,
                "make",
                "--json",
                *(os.fspath(one) for one in arguments),
                "--shard",
                shard,
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for shard in every(count)
    ]
    texts = [process.communicate(timeout=120) for process in processes]
    return [
        checked(Run(process.returncode, *text))
        for process, text in zip(processes, texts, strict=True)
    ]


def statuses_of(runs: Iterable[Run], root: str | Path) -> dict[str, str]:
    """What became of each picture, by its path below the SOURCE; checks that each is there once."""
    rows = [(row["source"], row["status"]) for run in runs for row in run.rows]
    found = {path[len(str(root)) + 1 :].replace(os.sep, "/"): status for path, status in rows}
    assert len(found) == len(rows)
    return found


def contents(folder: Path) -> dict[str, bytes]:
    """All files below a folder but ledgers, by their paths."""
    return {name: (folder / name).read_bytes() for name in files_below(folder)}
