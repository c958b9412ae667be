"""What it costs that more than one program makes the thumbnails of a folder:

    python -m tests.bench cluster [--pictures 1000,6000] [--rounds 5]

JPEGs of 640 x 480 px to 75 px, in three ways that take turns: one program with two workers, two
shards at the same time with one worker each, and a Ray cluster of two nodes with one processor each
(see `support.ray_cluster`), which runs already. Seconds are those of whole commands, and medians.
CPU time is that of all processes that a run starts, on the nodes, too; that of those that Ray has
running anyway is told apart. From two numbers of pictures follows what each further one costs,
whatever the start does.
"""

from __future__ import annotations

import argparse
import itertools
import os
import subprocess
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from pathlib import Path
from statistics import median
from typing import NamedTuple

from support.project import PROJECT
from support.ray_cluster import Network, hindrance

from .contestants import MAKE
from .machine import machine, words
from .measure import adopt_orphans, cpu_seconds_of, descendants
from .pictures import SMALL_FOR_LARGE, cache, picture_set
from .rounds import memory
from .tables import markdown

_LOOK_SECONDS = 0.05

Processes = list[subprocess.Popen[bytes]]


class _Cost(NamedTuple):
    """What a run took, in seconds; `ray_s` is the CPU time of what runs in a cluster anyway."""

    wall_s: float
    cpu_s: float
    ray_s: float


def main(argv: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench cluster")
    parser.add_argument("--pictures", default="1000,6000")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args(argv)
    if reason := hindrance():
        raise SystemExit(reason)
    print(words(machine()))
    numbers = sorted(int(number) for number in arguments.pictures.split(","))
    adopt_orphans()  # before the cluster starts: its processes become this one's, too
    with closing(Network(2)) as network:
        network.environment["PYTHONPATH"] = str(PROJECT)
        network.start()
        costs = _costs(_ways(network), numbers, arguments.rounds)
    for number in numbers:
        print(f"\n**{number:,} pictures**\n\n{markdown([*_rows(costs[number])])}")
    for fewer, more in itertools.pairwise(numbers):
        print(f"\n**each further picture**\n\n{markdown([*_slopes(costs, fewer, more)])}")


def _ways(network: Network) -> dict[str, Callable[[Path, Path], Processes]]:
    def options(output: Path) -> list[str]:
        return ["--size", "75", "--quiet", "--output", str(output)]

    def here(source: Path, output: Path, *others: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen([*MAKE, str(source), *options(output), *others], cwd=PROJECT)

    def shards(source: Path, output: Path) -> Processes:
        numbers = ("1/2", "2/2")
        return [here(source, output, "--jobs", "1", "--shard", number) for number in numbers]

    def on_cluster(source: Path, output: Path) -> Processes:
        where = ["--cluster", network.address]
        return [network.started("make", source, *options(output), *where, cwd=PROJECT)]

    return {
        "two workers": lambda source, output: [here(source, output, "--jobs", "2")],
        "two shards": shards,
        "cluster": on_cluster,
    }


def _costs(
    ways: dict[str, Callable[[Path, Path], Processes]], numbers: Sequence[int], rounds: int
) -> dict[int, dict[str, list[_Cost]]]:
    """Return the costs of each round, by the number of pictures and the way."""
    costs = defaultdict[int, dict[str, list[_Cost]]](lambda: defaultdict(list))
    for round_number in range(rounds + 1):
        for number, (name, start) in itertools.product(numbers, ways.items()):
            cost = _measured(start, number)
            if round_number:  # before, programs come into the page cache
                costs[number][name].append(cost)
    return costs


def _measured(start: Callable[[Path, Path], Processes], pictures: int) -> _Cost:
    """Let all pictures be made, and wait for the end of each process that is there for it.

    Each is looked at until it has ended: Ray's nodes wait for none of theirs, so that nobody is
    told what these have taken.

    Raises:
        RuntimeError: there is not a thumbnail of each picture.
    """
    source = picture_set("small", pictures // SMALL_FOR_LARGE)
    ours = {os.getpid(): True}
    before = {pid: cpu_seconds_of(pid) for pid in descendants(ours)}
    seconds = dict(before)
    with tempfile.TemporaryDirectory(dir=memory() or cache()) as folder:
        began = ended = time.perf_counter()
        processes = start(source, Path(folder))
        while new := {*descendants(ours)} - before.keys():
            for pid in (*new, *before):
                seconds[pid] = max(seconds.get(pid, 0), cpu_seconds_of(pid))
            if any(process.poll() is None for process in processes):
                ended = time.perf_counter()
            else:
                _reap_orphans()
            time.sleep(_LOOK_SECONDS)
        made = len([*Path(folder).glob("*.jpg")])
    if made != pictures:
        raise RuntimeError(f"{made} thumbnails of {pictures} pictures")
    ray_s = sum(seconds[pid] - earlier for pid, earlier in before.items())
    return _Cost(ended - began, sum(seconds[pid] for pid in seconds.keys() - before.keys()), ray_s)


def _reap_orphans() -> None:
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _rows(costs: dict[str, list[_Cost]]) -> Iterator[tuple[str, ...]]:
    yield "", "seconds", "CPU seconds", "to two workers", "Ray's own"
    base = _median(costs["two workers"], "cpu_s")
    for name, each in costs.items():
        wall_s, cpu_s, ray_s = (_median(each, part) for part in _Cost._fields)
        yield name, f"{wall_s:.1f}", f"{cpu_s:.1f}", f"{cpu_s / base:.2f}", f"{ray_s:.2f}"


def _slopes(
    costs: dict[int, dict[str, list[_Cost]]], fewer: int, more: int
) -> Iterator[tuple[str, ...]]:
    yield "", "CPU ms", "to two workers", "CPU seconds to start"
    slopes = {
        name: (_median(each, "cpu_s") - _median(costs[fewer][name], "cpu_s")) / (more - fewer)
        for name, each in costs[more].items()
    }
    for name, slope in slopes.items():
        start_s = _median(costs[more][name], "cpu_s") - more * slope
        ratio = slope / slopes["two workers"]
        yield name, f"{1000 * slope:.2f}", f"{ratio:.2f}", f"{start_s:.1f}"


def _median(costs: Sequence[_Cost], part: str) -> float:
    return median(float(getattr(cost, part)) for cost in costs)
