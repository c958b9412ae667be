"""Measure thumbnailer against its peers, taking turns.

    python -m tests.bench [--quick] [--only NAME]... [--count N] [--rounds N] [--pictures DIR]
    python -m tests.bench scale [--files N,N,...]
    python -m tests.bench one [--rounds N]
    python -m tests.bench workers [--workers N,N,...] [--milliseconds N,N,...]
    python -m tests.bench gallery [--pictures N,N,...]
    python -m tests.bench buckets [--pictures N] [--milliseconds N,N,...] [--rounds N]
    python -m tests.bench cluster [--pictures N,N] [--rounds N]

Prints tables of medians and saves them with all figures as JSON and with a chart as SVG. Peers are
found at run time: vipsthumbnail, gm, mogrify and imgp on the PATH, pyvips where the extra `vips` is
installed, sharp where `--sharp` or NODE_PATH says.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from . import buckets, charts, cluster, gallery, one, scale, tables, workers
from .cases import CASES, JOBS_CASE, QUICK, Case
from .contestants import MAKE, OURS, everyone, ours
from .machine import machine, usable_cpus, words
from .pictures import cache, given_set, picture_set
from .rounds import Result, take_turns
from .tasks import Contestant


def main() -> None:
    others = {
        "scale": scale,
        "gallery": gallery,
        "one": one,
        "workers": workers,
        "buckets": buckets,
        "cluster": cluster,
    }
    if sys.argv[1:2] and sys.argv[1] in others:
        others[sys.argv[1]].main(sys.argv[2:])
        return
    arguments = _arguments()
    if arguments.sharp:
        os.environ["NODE_PATH"] = str(arguments.sharp / "node_modules")
    everybody = everyone(arguments.variant)
    if unknown := {*arguments.contestant} - {each.name for each in everybody}:
        raise SystemExit(f"no such contestant: {', '.join(unknown)}")
    if arguments.contestant:
        everybody = [each for each in everybody if each.name in arguments.contestant]
    found, results = machine(), list[Result]()
    head = f"{words(found)}\n\n{tables.legend(everybody)}"
    print(head)
    arguments.results.mkdir(parents=True, exist_ok=True)
    for result in _results(arguments, [each for each in everybody if each.version]):
        results.append(result)
        print(f"\n{tables.table(result)}", flush=True)
        # Each time, as an hour is long.
        rows = {"machine": found, "cases": [result.row() for result in results]}
        text = "\n\n".join([head, *map(tables.table, results)])
        (arguments.results / "bench.json").write_text(json.dumps(rows, indent=1))
        (arguments.results / "bench.md").write_text(text + "\n")
        (arguments.results / "bench.svg").write_text(charts.bars(results))
    print(f"\nSaved: {arguments.results}/bench.json, bench.md and bench.svg")


def _results(arguments: argparse.Namespace, everybody: list[Contestant]) -> Iterator[Result]:
    at_jobs = [ours(f"{OURS} -j{jobs}", MAKE, jobs=jobs) for jobs in arguments.jobs]
    with tempfile.TemporaryDirectory(dir=cache()) as given:
        for case in (*CASES, JOBS_CASE):
            if case.name.startswith(tuple(arguments.only)):
                folder = _pictures(case, arguments, Path(given))
                who = at_jobs if case == JOBS_CASE else everybody
                yield take_turns(case, folder, who, rounds=arguments.rounds, jobs=usable_cpus())


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench",
        epilog="`python -m tests.bench scale` measures up to a million files.",
    )
    names = ", ".join(case.name for case in (*CASES, JOBS_CASE))
    add = parser.add_argument
    add("--quick", action="store_true", help="three cases, few pictures, one round")
    add("--only", action="append", metavar="NAME", help=f"what begins so, of {names}; repeatable")
    add("--count", type=int, help="pictures in a set, small ones 100 times as many (48)")
    add("--rounds", type=int, help="runs of each (5)")
    add("--pictures", type=Path, metavar="DIR", help="JPEGs to take for those of a camera")
    add("--contestant", action="append", default=[], metavar="NAME", help="nobody else; repeatable")
    another = "another of ours, such as 'before=/venv/bin/python -m thumbnailer make'; repeatable"
    add("--variant", action="append", default=[], metavar="NAME=COMMAND", help=another)
    add("--jobs", type=_numbers, default=(1, 2, 4, 8), help="workers, for `jobs` (1,2,4,8)")
    add("--sharp", type=Path, metavar="DIR", help="where `npm install sharp` was run")
    add("--results", type=Path, metavar="DIR", default=cache() / "results")
    arguments = parser.parse_args()
    arguments.only = arguments.only or (QUICK if arguments.quick else [""])
    arguments.count = arguments.count or (4 if arguments.quick else 48)
    arguments.rounds = arguments.rounds or (1 if arguments.quick else 5)
    return arguments


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in text.split(","))


def _pictures(case: Case, arguments: argparse.Namespace, given: Path) -> Path:
    if case.kind != "camera" or not arguments.pictures:
        return picture_set(case.kind, arguments.count)
    if not any(given.iterdir()):
        largest = max(max(case.sizes) for case in CASES)
        given_set(arguments.pictures, arguments.count, given, larger_than=largest)
    return given


if __name__ == "__main__":
    main()
