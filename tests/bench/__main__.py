"""Measure thumbnailer against its peers, taking turns, and print medians and ratios.

python -m tests.bench [--count N] [--size PX] [--rounds N]
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path
from statistics import median

from . import pictures
from .measure import Cost, run

_HERE = Path(__file__).parent


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench")
    parser.add_argument("--count", type=int, default=6000, help="pictures (default: 6000)")
    parser.add_argument("--size", default="75", help="box in px (default: 75)")
    parser.add_argument("--rounds", type=int, default=5, help="runs of each (default: 5)")
    arguments = parser.parse_args()
    folder = pictures.small_jpegs(arguments.count)
    commands = {
        "thumbnailer": ["-m", "thumbnailer", "make", "--quiet", folder, "-s", arguments.size],
        "plain pool": [_HERE / "plain_pool.py", folder, arguments.size],
        "script": [_HERE / "script.py", folder, arguments.size],
    }
    costs: dict[str, list[Cost]] = {name: [] for name in commands}
    for _ in range(arguments.rounds):
        for name, command in commands.items():
            shutil.rmtree(folder / "thumbs", ignore_errors=True)
            costs[name].append(run([sys.executable, *map(str, command)]))
    print(f"{arguments.count} JPEGs of 640x480 to {arguments.size} px, {arguments.rounds} rounds")
    print("name          wall s   CPU s   wall ratio   CPU ratio   (medians; ratio to plain pool)")
    for name, of_it in costs.items():
        pairs = list(zip(of_it, costs["plain pool"], strict=True))
        print(
            f"{name:12}  {median(cost.wall for cost in of_it):6.2f}  "
            f"{median(cost.cpu for cost in of_it):6.2f}   "
            f"{median(one.wall / other.wall for one, other in pairs):10.2f}   "
            f"{median(one.cpu / other.cpu for one, other in pairs):9.2f}"
        )


if __name__ == "__main__":
    main()
