"""What each further file costs, and what a million of them cost at all:

    python -m tests.bench scale [--files 10000,100000,1000000]

The files are JPEGs of 16 x 16 px, 1,000 in a folder, of which 999 are hard links to the first. To
make a million thumbnails would measure codecs and the disk for hours; instead, at each number:

- dry run: `make --dry-run` over a tree without thumbnails. Scan, plan and report; no picture is
  opened and no worker started.
- unchanged: `make` over a tree whose thumbnails are all current. Only the first folder's thumbnails
  have really been made; those of the others are links to them, with a copy of its ledger. A run
  that is not measured sees that sources have only been touched (their ctime is another), and notes
  it. Scan, plan (each ledger read, each thumbnail looked at), report.
- empty work: the same line with workers that answer at once and nothing written, over a tree
  without thumbnails. Scan, plan, pool, pipe and report: the least that a new file can cost.
- first thumbnail: from the start of the program to its first line of `--json`, into an empty output
  folder; then it is interrupted.

CPU time is that of all processes, memory the most that the program's own process held (RSS).
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

from PIL import Image

from . import charts
from .contestants import MAKE
from .machine import machine, words
from .measure import Cost, adopt_orphans, reap, run
from .pictures import cache
from .tables import markdown

_A_FOLDER = 1000
_FIRSTS = 3


class Scale(NamedTuple):
    """What was measured at a number of files; times in seconds."""

    files: int
    dry_run: Cost
    unchanged: Cost
    empty_work: Cost
    first_thumbnail: float


def main(argv: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench scale")
    parser.add_argument("--files", default="10000,100000,1000000")
    parser.add_argument("--results", type=Path, metavar="DIR", default=cache() / "results")
    arguments = parser.parse_args(argv)
    found, rows = machine(), list[Scale]()
    print(words(found))
    for files in sorted(int(number) for number in arguments.files.split(",")):
        with tempfile.TemporaryDirectory(dir=cache()) as folder:
            rows.append(measured(files, Path(folder)))
    text = _table(rows)
    print(f"\n{text}")
    where = arguments.results
    where.mkdir(parents=True, exist_ok=True)
    kept = {"machine": found, "scale": [_row(row) for row in rows]}
    (where / "scale.json").write_text(json.dumps(kept, indent=1))
    (where / "scale.md").write_text(f"{words(found)}\n\n{text}\n")
    for name, chart in _charts(rows):
        (where / f"scale-{name}.svg").write_text(chart)
    print(f"\nSaved: {where}/scale.json, scale.md, scale-cpu.svg and scale-memory.svg")


def measured(files: int, folder: Path) -> Scale:
    """
    Args:
        folder: an empty one to work in.
    """
    tree, output = folder / "tree", folder / "output"
    _say(files, "making the tree")
    folders = list(planted(tree, files))
    _say(files, "dry run")
    dry_run = run([[*MAKE, str(tree), "--dry-run", "--quiet"]])
    _say(files, "empty work")
    script = Path(__file__).with_name("empty_work.py")
    empty_work = run([[sys.executable, str(script), str(tree), str(output)]])
    _say(files, "first thumbnail")
    first = median(_first_thumbnail(tree, folder / f"first-{number}") for number in range(_FIRSTS))
    _say(files, "making thumbnails")
    subprocess.run([*MAKE, str(folders[0]), "--quiet"], check=True)
    reap()
    for other in folders[1:]:
        _copy_thumbnails(folders[0] / "thumbs", other)
    command = [*MAKE, str(tree)]
    _say(files, "noting what was touched")
    subprocess.run([*command, "--quiet"], check=True)
    reap()
    _say(files, "unchanged")
    unchanged = run([[*command, "--quiet"]])
    if files <= 10 * _A_FOLDER:  # the same for more
        _check_current(command, files)
    return Scale(files, dry_run, unchanged, empty_work, first)


def planted(tree: Path, files: int) -> Iterator[Path]:
    """Folders with one file each and many links to it: no file system takes a million of one."""
    when = time.time() - 3600
    for start in range(0, files, _A_FOLDER):
        folder = tree / f"{start // _A_FOLDER:04}"
        folder.mkdir(parents=True)
        original = folder / "0000.jpg"
        Image.new("RGB", (16, 16), "teal").save(original)
        os.utime(original, (when, when))  # the same in all, for the same ledger
        for number in range(1, min(_A_FOLDER, files - start)):
            os.link(original, folder / f"{number:04}.jpg")
        yield folder


def _copy_thumbnails(thumbnails: Path, folder: Path) -> None:
    target = folder / "thumbs"
    target.mkdir()
    for path in thumbnails.iterdir():
        if path.name.startswith("."):
            shutil.copyfile(path, target / path.name)
        elif (folder / path.name).exists():
            os.link(path, target / path.name)


def _first_thumbnail(tree: Path, output: Path) -> float:
    """Seconds until it is reported."""
    adopt_orphans()
    begin = time.perf_counter()
    command = [*MAKE, str(tree), "--output", str(output), "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout
        row = json.loads(process.stdout.readline())
        seconds = time.perf_counter() - begin
        process.send_signal(signal.SIGINT)
        process.stdout.read()
    reap()
    if row["status"] != "made":
        raise SystemExit(f"the first thumbnail is {row}")
    return seconds


def _check_current(command: Sequence[str], files: int) -> None:
    """Measured was what was meant: nothing was made."""
    done = subprocess.run([*command, "--json"], capture_output=True, text=True, check=True)
    summary = json.loads(done.stdout.splitlines()[-1])["summary"]
    if summary["current"] != files:
        raise SystemExit(f"not all are current: {summary}")


def _say(files: int, what: str) -> None:
    print(f"{files} files: {what}", file=sys.stderr)


def _row(row: Scale) -> dict[str, object]:
    costs = {"dry_run": row.dry_run, "unchanged": row.unchanged, "empty_work": row.empty_work}
    figures = {
        name: {"wall_s": cost.wall_s, "cpu_s": cost.cpu_s, "own_mib": cost.own_mib}
        for name, cost in costs.items()
    }
    return {"files": row.files, **figures, "first_thumbnail_s": row.first_thumbnail}


def _table(rows: Sequence[Scale]) -> str:
    heads = ["files"]
    for name in ("dry run", "unchanged", "empty work"):
        heads += [f"{name}: s", "CPU µs a file", "MiB"]
    cells = [[f"{row.files:,}", *_cells(row), f"{row.first_thumbnail * 1000:.0f}"] for row in rows]
    return markdown([[*heads, "first thumbnail: ms"], *cells])


def _cells(row: Scale) -> Iterator[str]:
    for cost in (row.dry_run, row.unchanged, row.empty_work):
        yield f"{cost.wall_s:.2f}"
        yield f"{cost.cpu_s / row.files * 1e6:.0f}"
        yield f"{cost.own_mib:.0f}"


def _charts(rows: Sequence[Scale]) -> Iterator[tuple[str, str]]:
    def curves(title: str, figure: Callable[[Cost, int], float]) -> str:
        lines = {
            "dry run": [(row.files, figure(row.dry_run, row.files)) for row in rows],
            "unchanged": [(row.files, figure(row.unchanged, row.files)) for row in rows],
            "empty work": [(row.files, figure(row.empty_work, row.files)) for row in rows],
        }
        return charts.curves(title, lines)

    yield "cpu", curves("CPU µs a file", lambda cost, files: cost.cpu_s / files * 1e6)
    yield "memory", curves("MiB of the program's own process", lambda cost, _: cost.own_mib)
