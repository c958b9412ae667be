"""What the tests share: small pictures made on the spot, and the program run as a user runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

THUMBNAILER = [sys.executable, "-m", "thumbnailer"]


def picture(
    path: Path, size: tuple[int, int] = (96, 64), mode: str = "RGB", **options: Any
) -> Path:
    """Save a picture whose four quarters are red, green, blue and white, in reading order."""
    path.parent.mkdir(parents=True, exist_ok=True)
    quarters(size).convert(mode).save(path, **options)
    return path


def quarters(size: tuple[int, int]) -> Image.Image:
    width, height = size
    image = Image.new("RGB", size, "white")
    image.paste("red", (0, 0, width // 2, height // 2))
    image.paste("lime", (width // 2, 0, width, height // 2))
    image.paste("blue", (0, height // 2, width // 2, height))
    return image


def tree(root: Path, *names: str) -> Path:
    """A folder with a picture under each of the names; the ending says the format."""
    for name in names:
        picture(root / name)
    return root


def files_below(root: Path) -> set[str]:
    """All files below a folder, as paths relative to it; ledgers are left out."""
    return {
        str(path.relative_to(root))
        for path in root.rglob("*")
        if not path.is_dir() and path.name != ".thumbnailer"
    }


def corners(image: Image.Image) -> list[str]:
    """The names of the colours in the four corners, in reading order."""
    names = {"red": (255, 0, 0), "lime": (0, 255, 0), "blue": (0, 0, 255), "white": (255,) * 3}
    names["black"] = (0, 0, 0)
    right, bottom = image.width - 1, image.height - 1
    rgb = image.convert("RGB")

    def name_at(x: int, y: int) -> str:
        pixel = rgb.getpixel((x, y))
        assert isinstance(pixel, tuple)
        return min(
            names,
            key=lambda name: sum(abs(a - b) for a, b in zip(pixel, names[name], strict=True)),
        )

    return [name_at(0, 0), name_at(right, 0), name_at(0, bottom), name_at(right, bottom)]


@dataclass(frozen=True)
class Run:
    """A finished run of the program."""

    code: int
    out: str
    err: str

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The JSON lines but the last."""
        return [json.loads(line) for line in self.out.splitlines()][:-1]

    @property
    def summary(self) -> dict[str, Any]:
        """The last JSON line."""
        summary: dict[str, Any] = json.loads(self.out.splitlines()[-1])["summary"]
        return summary

    @property
    def statuses(self) -> dict[str, str]:
        """File name → status."""
        return {os.path.basename(row["source"]): row["status"] for row in self.rows}


def thumbnailer(*arguments: str | Path, cwd: Path | None = None, **environment: str) -> Run:
    """Run the command line to its end."""
    done = subprocess.run(
        [*THUMBNAILER, *(os.fspath(argument) for argument in arguments)],
        cwd=cwd,
        env=os.environ | environment,
        capture_output=True,
        timeout=120,
    )
    return Run(done.returncode, done.stdout.decode(), done.stderr.decode())


def make(*arguments: str | Path, cwd: Path | None = None) -> Run:
    """`thumbnailer make --json`; checks that the counts add up and that no traceback is shown."""
    run = thumbnailer("make", "--json", *arguments, cwd=cwd)
    assert "Traceback" not in run.err
    if run.out:
        counts = run.summary
        states = ("made", "current", "skipped", "failed")
        assert counts["found"] == sum(counts[state] for state in states) == len(run.rows)
    return run


def is_running(pid: int) -> bool:
    """Whether a process is there and not merely waiting to be reaped."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


@contextmanager
def nobody() -> Iterator[None]:
    """Go on as a user who owns nothing; only for root."""
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def eventually(condition: Callable[[], object], seconds: float = 10) -> None:
    """Wait until the condition holds; fail if it doesn't in time."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "did not happen in time"
        time.sleep(0.01)
