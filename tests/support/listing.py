"""`thumbnailer make --files-from -` while its list is still open."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Queue
from typing import Any

from support.program import THUMBNAILER
from support.waiting import STALL_SECONDS


class Listing:
    """A run whose list is written line by line, while its rows are read."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process, self._rows = process, Queue[dict[str, Any]]()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self._rows.put(json.loads(line))

    def write(self, text: str | bytes) -> None:
        assert self.process.stdin
        self.process.stdin.write(os.fsencode(text))
        self.process.stdin.flush()

    def row(self, seconds: float = STALL_SECONDS) -> dict[str, Any]:
        return self._rows.get(timeout=seconds)

    def close(self) -> int:
        assert self.process.stdin
        self.process.stdin.close()
        return self.process.wait(STALL_SECONDS)


@contextmanager
def listing(*arguments: str | Path, cwd: Path | None = None) -> Iterator[Listing]:
    words = [*THUMBNAILER, "make", "--json", "--files-from", "-", *map(str, arguments)]
    pipe = subprocess.PIPE
    with subprocess.Popen(words, cwd=cwd, stdin=pipe, stdout=pipe) as process:
        try:
            yield Listing(process)
        finally:
            process.kill()
