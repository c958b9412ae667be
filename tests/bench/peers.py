"""Other programs, each at the quickest settings known for it: one thread in each of as many
processes as there are processors, JPEGs shrunk on load, the same quality, no metadata."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from .tasks import JPEG, OPAQUE, PARTS, WITHOUT_HEVC, Commands, Contestant, Task, split, version

_SHARP = str(Path(__file__).with_name("sharp.mjs"))
_JPEG = frozenset(("jpeg",))
_SPLIT = f"one thread a process, {PARTS} parts for each processor by xargs, a run for each size"


def vipsthumbnail() -> Contestant:
    def commands(task: Task) -> Commands:
        # No --export-profile: 11 ms a picture, for nothing where there is no profile.
        options = ["vipsthumbnail", "--vips-concurrency=1"]
        aims = [
            ("--size", f"{size}x{size}>", "-o", f"{task.output}/{size}/%s.jpg[Q=80,strip]")
            for size in task.sizes
        ]
        return [split(task, [*options, *aim]) for aim in aims]

    found = version(["vipsthumbnail", "--version"])
    return Contestant("vipsthumbnail", found, _SPLIT, commands, _folders, OPAQUE, _JPEG)


def sharp() -> Contestant:
    def commands(task: Task) -> Commands:
        arguments = (task.folder, task.output, task.jobs, task.format, *task.sizes)
        return [["node", _SHARP, *map(str, arguments)]]

    found = version(["node", _SHARP])
    settings = "one process, a picture on its way for each processor, concurrency(1), cache(false)"
    return Contestant("sharp", found, settings, commands, kinds=WITHOUT_HEVC)


def graphicsmagick() -> Contestant:
    def commands(task: Task) -> Commands:
        return [_mogrify_gm(task, size) for size in task.sizes]

    found = version(["gm", "version"])
    settings = f"{_SPLIT}, -size 2 x the box"
    return Contestant("gm mogrify", found, settings, commands, _folders, OPAQUE, _JPEG)


def _mogrify_gm(task: Task, size: int) -> list[str]:
    hint, box = f"{2 * size}x{2 * size}", f"{size}x{size}>"
    options = f"gm mogrify -limit threads 1 -size {hint} -auto-orient -thumbnail {box}".split()
    options += ["+profile", "*", "-quality", "80", "-format", "jpg", "-output-directory"]
    return split(task, [*options, str(task.output / str(size))])


def imagemagick() -> Contestant:
    def commands(task: Task) -> Commands:
        return [_mogrify(task, size) for size in task.sizes]

    found = version(["mogrify", "-version"])
    settings = f"{_SPLIT}, jpeg:size 2 x the box"
    return Contestant("mogrify", found, settings, commands, _folders, OPAQUE, _JPEG)


def _mogrify(task: Task, size: int) -> list[str]:
    hint, box = f"{2 * size}x{2 * size}", f"{size}x{size}>"
    options = f"mogrify -limit thread 1 -define jpeg:size={hint} -auto-orient".split()
    options += f"-thumbnail {box} -strip -quality 80 -format jpg -path".split()
    return split(task, [*options, str(task.output / str(size))])


def imgp() -> Contestant:
    """It writes beside its sources, takes all processors by itself, and reads JPEG and PNG."""
    program = shutil.which("imgp", path=_beside_python()) or "imgp"

    def commands(task: Task) -> Commands:
        options = [program, "--mute", "--eraseexif", "--quality", "80", "--res"]
        return [[*options, f"{size}x{size}", str(task.output / str(size))] for size in task.sizes]

    settings = "a run for each size; resizes in linear light"
    found = version([program, "--version"])
    return Contestant("imgp", found, settings, commands, _linked, JPEG, _JPEG, "**/{stem}_IMGP.jpg")


def _beside_python() -> str:
    return os.pathsep.join((os.path.dirname(sys.executable), os.environ.get("PATH", "")))


def _folders(task: Task) -> None:
    for size in task.sizes:
        (task.output / str(size)).mkdir()


def _linked(task: Task) -> None:
    _folders(task)
    for size in task.sizes:
        for path in task.folder.iterdir():
            os.link(path, task.output / str(size) / path.name)
