"""How many workers one parent can feed: with workers that only wait for as long as pictures take.

    python -m tests.bench workers [--workers 4,16,64] [--milliseconds 1,5,25]

They take no processor, so that as many as wanted fit on any machine. What is reached of the
pictures a second that all of them could answer is what the parent lets through, which writes the
thumbnails.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from .machine import machine, words
from .pictures import cache
from .rounds import memory
from .scale import planted
from .tables import markdown

# So long is a run at its best, with at most so many pictures.
_SECONDS, _MOST_PICTURES = 4, 20_000

_HEADS = (
    "workers",
    "ms a picture",
    "pictures/s",
    "of all that were possible",
    "CPU µs of the parent for one",
)


def main(argv: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench workers")
    parser.add_argument("--workers", default="4,16,64")
    parser.add_argument("--milliseconds", default="1,5,25")
    arguments = parser.parse_args(argv)
    print(words(machine()))
    numbers = (arguments.workers.split(","), arguments.milliseconds.split(","))
    workers, milliseconds = (list(map(int, each)) for each in numbers)
    print(f"\n{markdown([_HEADS, *_rows(workers, milliseconds)])}")


def _rows(workers: Sequence[int], milliseconds: Sequence[int]) -> Iterator[tuple[str, ...]]:
    for number in workers:
        for each in milliseconds:
            possible = 1000 * number / each
            with tempfile.TemporaryDirectory(dir=memory() or cache()) as folder:
                rate, cpu_s = _measured(Path(folder), number, each, possible)
            cells = f"{rate:.0f}", f"{100 * rate / possible:.0f} %", f"{cpu_s * 1e6:.0f}"
            yield str(number), str(each), *cells


def _measured(folder: Path, workers: int, each: int, possible: float) -> tuple[float, float]:
    """Return how many pictures came in a second, and the parent's CPU seconds for one.

    What it takes to start the workers is taken off.
    """
    count = int(min(possible * _SECONDS, _MOST_PICTURES))
    script = str(Path(__file__).with_name("waiting_work.py"))
    figures = []
    for pictures in (workers, workers + count):
        tree, output = folder / str(pictures), folder / f"{pictures}-thumbs"
        for _ in planted(tree, pictures):
            pass
        command = [sys.executable, script, str(tree), str(output), str(workers), str(each)]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        figures.append(tuple(map(float, done.stdout.split())))
    (small_wall, small_cpu), (wall, cpu) = figures
    return count / (wall - small_wall), (cpu - small_cpu) / count
