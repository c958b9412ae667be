"""Who takes part: ours, scripts over the same libraries, other programs, and the floor."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from . import peers
from .tasks import WITHOUT_HEVC, Commands, Contestant, Task, version

OURS = "thumbnailer"
FLOOR = "floor"
MAKE = (sys.executable, "-m", "thumbnailer", "make")

_HERE = Path(__file__).parent


def everyone(variants: Sequence[str] = ()) -> list[Contestant]:
    """All that there are, ours first; of those that are not installed the version is "".

    Args:
        variants: more of ours, as NAME=COMMAND.
    """
    return [
        ours(OURS, MAKE),
        *map(_variant, variants),
        _script("plain pool", "plain_pool.py", "our steps in a multiprocessing.Pool"),
        _script(
            "script",
            "script.py",
            "Image.thumbnail in a multiprocessing.Pool; small sizes made of larger ones",
        ),
        _vips_pool(),
        peers.vipsthumbnail(),
        peers.sharp(),
        peers.graphicsmagick(),
        peers.imagemagick(),
        peers.imgp(),
        _floor(),
    ]


def ours(
    name: str, command: Sequence[str], settings: str = "as it comes", jobs: int = 0
) -> Contestant:
    """thumbnailer itself.

    Args:
        command: what makes thumbnails and takes the options of `thumbnailer make`.
        jobs: how many workers; 0 for one for each processor.
    """

    def commands(task: Task) -> Commands:
        sizes = [option for size in task.sizes for option in ("--size", str(size))]
        workers = str(jobs or task.jobs)
        options = ["--quiet", "--jobs", workers, "--output", str(task.output), *sizes]
        return [[*command, str(task.folder), *options, "--format", task.format]]

    return Contestant(name, "this", settings, commands)


def _variant(text: str) -> Contestant:
    name, _, command = text.partition("=")
    return ours(name, shlex.split(command), f"`{command}`")


def _script(name: str, program: str, settings: str, used: str = "") -> Contestant:
    def commands(task: Task) -> Commands:
        return [_python(program, task.folder, task.output, task.jobs, task.format, *task.sizes)]

    return Contestant(name, used or _pillow(), settings, commands)


def _vips_pool() -> Contestant:
    asked = "import pyvips as v; print('.'.join(str(v.version(part)) for part in range(3)))"
    found = version([sys.executable, "-c", asked])
    settings = "pyvips in a multiprocessing.Pool, one thread each; small sizes made of larger ones"
    contestant = _script("vips pool", "vips_pool.py", settings, f"libvips {found}")
    return replace(contestant, version=contestant.version if found else "", kinds=WITHOUT_HEVC)


def _floor() -> Contestant:
    def commands(task: Task) -> Commands:
        return [_python("floor.py", task.folder, task.jobs, task.sizes[0])]

    settings = "decodes at the coarsest scale that is good enough, and does nothing else"
    return Contestant(FLOOR, _pillow(), settings, commands, pattern="")


def _pillow() -> str:
    return f"Pillow {version([sys.executable, '-c', 'import PIL; print(PIL.__version__)'])}"


def _python(program: str, *arguments: object) -> list[str]:
    return [sys.executable, str(_HERE / program), *map(str, arguments)]
