"""What one picture takes: by the command, with the start of all that is needed, and by a call.

    python -m tests.bench one [--rounds N]

It is measured beside a Python that imports Pillow and ends, and beside vipsthumbnail and gm, which
are compiled. Each round has a run of each; the figures are medians. A call of `make_thumbnail` is
measured beside the same by hand, a hundred times as often.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median

from .contestants import MAKE
from .machine import machine, words
from .measure import Cost, run
from .pictures import cache, picture_set
from .rounds import memory
from .tables import markdown
from .tasks import version

_SIZE = 256
_CALLED_SIZE, _CALLS_A_ROUND = 75, 100
_KINDS = ("small", "camera", "png")


def main(argv: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench one")
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args(argv).rounds
    print(words(machine()))
    for kind in _KINDS:
        source = _picture(kind)
        print(f"\n**one {kind} picture to {_SIZE} px**\n\n{markdown(_rows(source, rounds))}")
    calls = markdown(list(_calls(_picture("small"), rounds)))
    print(f"\n**one call, 640x480 to {_CALLED_SIZE} px**\n\n{calls}")


def _picture(kind: str) -> Path:
    return min(picture_set(kind, 1).iterdir())


def _calls(source: Path, rounds: int) -> Iterator[tuple[str, ...]]:
    script = str(Path(__file__).with_name("library_call.py"))
    command = [sys.executable, script, str(source), str(_CALLED_SIZE)]
    done = subprocess.run(
        [*command, str(_CALLS_A_ROUND * rounds)], check=True, stdout=subprocess.PIPE, text=True
    )
    figures = list(map(float, done.stdout.split()))
    yield "", "make_thumbnail, CPU ms", "by hand", "ratio"
    for name, (ours, theirs) in {"in memory": figures[:2], "files": figures[2:]}.items():
        yield name, f"{ours:.2f}", f"{theirs:.2f}", f"{ours / theirs:.2f}"


def _rows(source: Path, rounds: int) -> list[tuple[str, ...]]:
    costs: dict[str, list[Cost]] = {name: [] for name in _commands(source, Path())}
    with tempfile.TemporaryDirectory(dir=memory() or cache()) as folder:
        for number in range(rounds + 1):
            output = Path(folder, str(number))
            output.mkdir()
            for name, command in _commands(source, output).items():
                cost = run([command])
                if number:  # before, programs come into the page cache
                    costs[name].append(cost)
    start = median(cost.cpu_s for cost in costs["from PIL import Image"])
    return [("", "CPU ms", "to Pillow's import", "wall ms"), *_cells(costs, start)]


def _cells(costs: dict[str, list[Cost]], start: float) -> Iterator[tuple[str, ...]]:
    for name, each in costs.items():
        cpu, wall = (median(getattr(cost, part) for cost in each) for part in ("cpu_s", "wall_s"))
        yield name, f"{1000 * cpu:.0f}", f"{cpu / start:.2f}", f"{1000 * wall:.0f}"


def _commands(source: Path, output: Path) -> dict[str, list[str]]:
    make = [*MAKE, str(source), "--quiet", "--output", str(output), "--size", str(_SIZE)]
    commands = {
        "from PIL import Image": [sys.executable, "-c", "from PIL import Image"],
        "thumbnailer make": make,
    }
    box = f"{_SIZE}x{_SIZE}>"
    if version(["vipsthumbnail", "--version"]):
        target = f"{output}/vips.jpg[Q=80,strip]"
        commands["vipsthumbnail"] = ["vipsthumbnail", str(source), "--size", box, "-o", target]
    if version(["gm", "version"]):
        hint = f"{2 * _SIZE}x{2 * _SIZE}"
        options = ["-size", hint, "-thumbnail", box, "-quality", "80", f"{output}/gm.jpg"]
        commands["gm convert"] = ["gm", "convert", str(source), *options]
    return commands
