"""Do random things to a watched folder for a long time, kill workers meanwhile, and see whether the
thumbnails are in the end what a one-shot run makes.

    python -m tests.tools.soak [--minutes 15] [--seed N]

Prints its figures; exits with 1 if the thumbnails are not right.
"""

from __future__ import annotations

import argparse
import errno
import json
import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.pictures import picture
from support.processes import Started, send, start, workers_of
from support.program import THUMBNAILER
from support.watching import (
    WATCH,
    await_event,
    catches_up,
    cpu_seconds,
    errors,
    events,
    memory_kib,
    rows,
    stop,
)

_FOLDERS_AT_MOST = 12
_PICTURES_AT_MOST = 400
_DISKS_AT_MOST = 2

# Names that are one for some file systems: they differ by case, or by how an accent is written.
_TWINS = [("Twin", "twin"), ("\u00e9", "e\u0301")]

# What the system refuses, such as to move a file to another disk, or a disk that is mounted.
_REFUSED = {errno.EXDEV, errno.EBUSY}


class _World:
    """The watched folder, and what can happen in it: each public method is one operation.

    Attributes:
        closed: when each picture that nothing else was done to was complete, by path.
    """

    def __init__(self, root: Path, originals: list[Path], chance: random.Random) -> None:
        self._root, self._originals, self._chance = root, originals, chance
        self._beyond = root.parent / "beyond"
        self._beyond.mkdir()
        self._can_mount = sys.platform == "linux"
        self._next = 0
        self.closed: dict[str, float] = {}

    def create(self) -> None:
        path = self._new_path()
        shutil.copyfile(self._original(), path)
        self.closed[str(path)] = time.monotonic()

    def write_slowly(self) -> None:
        data = self._original().read_bytes()
        with open(self._new_path(), "wb") as file:
            for start in range(0, len(data), len(data) // 4 + 1):
                file.write(data[start : start + len(data) // 4 + 1])
                file.flush()
                time.sleep(self._chance.uniform(0, 0.4))

    def write_then_rename(self) -> None:
        temporary = self._folder() / f".{self._next}.part"
        shutil.copyfile(self._original(), temporary)
        os.replace(temporary, self._picture() or self._new_path())

    def rewrite(self) -> None:
        if path := self._picture():
            shutil.copyfile(self._original(), path)

    def touch(self) -> None:
        if path := self._picture():
            os.utime(path)

    def rename(self) -> None:
        if path := self._picture():
            os.replace(path, self._new_path())

    def rename_over(self) -> None:
        one, other = self._picture(), self._picture()
        if one and other and one != other:
            os.replace(one, other)

    def delete(self) -> None:
        if path := self._picture():
            path.unlink()

    def link(self) -> None:
        if path := self._picture():
            os.link(path, self._new_path())

    def make_folders(self) -> None:
        if len(self._folders()) < _FOLDERS_AT_MOST:
            self._next += 1
            folder = self._folder() / f"d{self._next}" / "inner"
            folder.mkdir(parents=True)
            shutil.copyfile(self._original(), folder / "first.jpg")

    def rename_folder(self) -> None:
        if folder := self._inner_folder():
            self._next += 1
            os.rename(folder, folder.with_name(f"d{self._next}"))

    def move_folder(self) -> None:
        one, other = self._inner_folder(), self._folder()
        if one and not other.is_relative_to(one):
            self._next += 1
            os.rename(one, other / f"d{self._next}")

    def delete_folder(self) -> None:
        if folder := self._inner_folder():
            shutil.rmtree(folder, ignore_errors=True)  # the watch may just have written there
            shutil.rmtree(folder, ignore_errors=True)

    def move_folder_out(self) -> None:
        if folder := self._inner_folder():
            self._next += 1
            os.rename(folder, self._beyond / f"d{self._next}")

    def move_folder_in(self) -> None:
        if len(self._folders()) < _FOLDERS_AT_MOST:
            for folder in sorted(self._beyond.glob("d*"))[:1]:
                self._next += 1
                os.rename(folder, self._folder() / f"d{self._next}")

    def link_to_folder(self) -> None:
        self._next += 1
        (self._folder() / f"l{self._next}").symlink_to(self._originals[0].parent)

    def put_link_in_place(self) -> None:
        if folder := self._inner_folder():
            self._next += 1
            os.rename(folder, self._beyond / f"d{self._next}")
            folder.symlink_to(self._chance.choice([self._originals[0].parent, self._beyond]))

    def remove_links(self) -> None:
        for folder in self._folders():
            for path in folder.iterdir():
                if path.is_symlink():
                    path.unlink()

    def create_twins(self) -> None:
        self._next += 1
        folder = self._folder()
        for name in self._chance.choice(_TWINS):
            shutil.copyfile(self._original(), folder / f"{name}{self._next}.jpg")

    def part_twins(self) -> None:
        """Leave one of each: which of both has the plain name depends on which came first."""
        seen = set()
        for path in self._pictures():
            name = path.parent, unicodedata.normalize("NFC", path.name).casefold()
            if name in seen:
                path.unlink()
            seen.add(name)

    def mount_disk(self) -> None:
        if self._can_mount and len(self._disks()) < _DISKS_AT_MOST:
            self._next += 1
            disk = self._folder() / f"m{self._next}"
            disk.mkdir()
            mount = ["mount", "-t", "tmpfs", "tmpfs", str(disk)]
            if subprocess.run(mount, stderr=subprocess.DEVNULL, check=False).returncode:
                self._can_mount = False
                return
            for number in range(3):
                shutil.copyfile(self._original(), disk / f"{number}.jpg")

    def unmount_disk(self) -> None:
        if disks := self._disks():
            subprocess.run(["umount", "--lazy", str(self._chance.choice(disks))], check=True)

    def unmount_all(self) -> None:
        while self._disks():
            self.unmount_disk()
        for folder in self._folders()[:0:-1]:
            if folder.name.startswith("m") and not any(folder.iterdir()):
                folder.rmdir()

    def prune_beside(self) -> None:
        _beside("prune", self._root)

    def make_beside(self) -> None:
        _beside("make", self._root)

    def operations(self) -> Iterator[tuple[Callable[[], None], int]]:
        """Each operation and how often it happens, compared to the others."""
        yield from ((self.create, 12), (self.write_slowly, 2), (self.write_then_rename, 6))
        yield from ((self.rewrite, 6), (self.touch, 3), (self.rename, 5), (self.rename_over, 2))
        yield from ((self.delete, 8), (self.link, 3), (self.make_folders, 3))
        yield from ((self.rename_folder, 2), (self.move_folder, 1), (self.delete_folder, 2))
        yield from ((self.move_folder_out, 1), (self.move_folder_in, 1), (self.link_to_folder, 1))
        yield from ((self.put_link_in_place, 1), (self.remove_links, 1), (self.create_twins, 2))
        yield from ((self.mount_disk, 1), (self.unmount_disk, 1))
        yield from ((self.prune_beside, 1), (self.make_beside, 1))

    def is_full(self) -> bool:
        return len(self._pictures()) > _PICTURES_AT_MOST

    def _original(self) -> Path:
        return self._chance.choice(self._originals)

    def _new_path(self) -> Path:
        self._next += 1
        return self._folder() / f"{self._next}.jpg"

    def _folders(self) -> list[Path]:
        found = [self._root]
        for place, names, _ in os.walk(self._root):
            names[:] = sorted(
                name
                for name in names
                if name != "thumbs" and not Path(place, name).is_symlink()
                if not os.path.ismount(Path(place, name))
            )
            found += [Path(place, name) for name in names]
        return found

    def _disks(self) -> list[Path]:
        """What is mounted, wherever that has been moved to."""
        lines = Path("/proc/mounts").read_text().splitlines() if self._can_mount else []
        mounted = [Path(line.split()[1]) for line in lines]
        return [path for path in mounted if path.is_relative_to(self._root.parent)]

    def _pictures(self) -> list[Path]:
        return [path for folder in self._folders() for path in sorted(folder.glob("*.jpg"))]

    def _folder(self) -> Path:
        return self._chance.choice(self._folders())

    def _inner_folder(self) -> Path | None:
        inner = self._folders()[1:]
        return self._chance.choice(inner) if inner else None

    def _picture(self) -> Path | None:
        found = self._pictures()
        path = self._chance.choice(found) if found else None
        self.closed.pop(str(path), None)
        return path


def _beside(command: str, folder: Path) -> None:
    """Run the program beside the watch; what becomes of its pictures depends on that."""
    run = subprocess.run(
        [*THUMBNAILER, command, "--json", folder], capture_output=True, check=False
    )
    assert b"Traceback" not in run.stderr, run.stderr.decode()


def soak(folder: Path, minutes: float, seed: int) -> bool:
    """Do it in an empty folder; returns whether the thumbnails are right."""
    chance = random.Random(seed)
    photos = folder / "photos"
    photos.mkdir()
    originals = [
        picture(folder / "originals" / f"{width}.jpg", (width, width * 2 // 3), quality=90)
        for width in (80, 90, 640, 1000, 1600, 3000)
    ]
    world = _World(photos, originals, chance)
    before_all = sorted(originals[0].parent.rglob("*"))
    with start(*WATCH, "--rescan", "60", photos) as watch:
        await_event(watch, "ready")
        before = memory_kib(watch.process.pid)
        with _stopwatch(watch, world.closed) as latencies:
            try:
                done, killed = _keep_busy(watch, world, chance, minutes)
            finally:
                world.unmount_all()
        world.part_twins()
        try:
            catches_up(watch, photos, seconds=240)
        except (AssertionError, pytest.fail.Exception) as error:
            print(f"not right: {error}")
            return False
        after, cpu = memory_kib(watch.process.pid), cpu_seconds(watch)
        rest_seconds = min(30, 15 * minutes)
        time.sleep(rest_seconds)
        idle = (cpu_seconds(watch) - cpu) / rest_seconds
        reasons = {row["error"]["reason"] for row in rows(watch) if row.get("status") == "failed"}
        states = [row.get("status") for row in rows(watch)]
        rescans = len(events(watch, "rescan"))
        stop(watch, signal.SIGTERM, photos)
        if sorted(originals[0].parent.rglob("*")) != before_all:
            print("not right: something was written behind a link")
            return False
        if errors(watch):
            print(f"not right: {errors(watch)}")
            return False
    print(f"seed {seed}, {minutes:g} minutes: {done} operations, {killed} workers killed")
    print(f"{states.count('made')} made, {states.count('removed')} removed,", end=" ")
    print(f"{states.count('failed')} failed, {rescans} rescans")
    for reason in sorted(reasons):
        print(f"  failed: {reason}")
    print(f"memory {before >> 10} MiB at the start, {after >> 10} MiB at the end")
    print(f"processor at rest {idle:.2%} of one")
    if latencies:
        print(
            f"from close to thumbnail: median {statistics.median(latencies):.3f} s,"
            f" 95 % within {sorted(latencies)[len(latencies) * 95 // 100]:.3f} s"
            f" ({len(latencies)} pictures)"
        )
    return True


def _keep_busy(
    watch: Started, world: _World, chance: random.Random, minutes: float
) -> tuple[int, int]:
    """How many operations were done, and how many workers killed."""
    operations, weights = zip(*world.operations(), strict=True)
    done = killed = 0
    end = time.monotonic() + 60 * minutes
    while time.monotonic() < end:
        if watch.is_over():
            raise SystemExit("the watch has ended by itself")
        (operation,) = chance.choices(operations, weights)
        try:
            (world.delete_folder if world.is_full() else operation)()
        except OSError as error:
            if error.errno not in _REFUSED:
                raise
        done += 1
        # Mostly at rest, so that latency is measured, with bursts between.
        time.sleep(chance.choice((0, 0, 0, 0.05, 0.3)))
        if chance.random() < 0.01 and (workers := workers_of(watch)):
            killed += send(chance.choice(workers), signal.SIGKILL)
    return done, killed


@contextmanager
def _stopwatch(watch: Started, closed: dict[str, float]) -> Iterator[list[float]]:
    """Seconds from the moment a picture is complete to the row that says its thumbnail is made."""
    latencies: list[float] = []
    over = threading.Event()

    def look() -> None:
        offset = 0
        while not over.wait(0.01):
            new = os.pread(watch.out.fileno(), 1 << 20, offset)
            new = new[: new.rfind(b"\n") + 1]
            offset += len(new)
            for row in map(json.loads, new.splitlines()):
                if row.get("status") == "made" and (since := closed.pop(row["source"], None)):
                    latencies.append(time.monotonic() - since)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield latencies
    finally:
        over.set()
        thread.join()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.tools.soak")
    parser.add_argument("--minutes", type=float, default=15, help="default: 15")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6), help="default: any")
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        return 0 if soak(Path(folder), arguments.minutes, arguments.seed) else 1


if __name__ == "__main__":
    sys.exit(main())
