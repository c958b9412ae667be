"""What a run of the program imports."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HEAVY = {"PIL", "tqdm", "watchdog"}


def imported(*arguments: str | Path) -> set[str]:
    """The modules that a run of the program has imported, without what is after a dot."""
    command = [sys.executable, "-X", "importtime", "-m", "thumbnailer", *map(str, arguments)]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    lines = (line for line in run.stderr.splitlines() if line.startswith("import time:"))
    return {line.rpartition("|")[2].strip().partition(".")[0] for line in lines}
