"""A Windows Python under Wine, in a folder that `.ci/windows.sh` has filled."""

from __future__ import annotations

import os
import re
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.program import Run
from support.project import PROJECT

FOLDER = os.environ.get("THUMBNAILER_WINDOWS", "")

# Wine ends a Python whose standard streams are files, or nothing.
_PIPED = 'wine "$0" "$@" </dev/null 2>&1 | cat'


@dataclass
class Running:
    """A program under Wine while it runs.

    Attributes:
        shown: what it has printed up to now, on stdout or stderr.
    """

    process: subprocess.Popen[bytes]
    typed: int
    shown: str = ""

    def shows(self, text: str, number: int = 1, seconds: float = 60) -> None:
        """Wait until it has printed a text, in whatever colours, so many times."""
        self._await(lambda: self._count(text) >= number, f"{number} times {text!r}", seconds)

    def ends(self, seconds: float = 30) -> int:
        """Wait for its end, and return its exit code."""
        self._await(lambda: self.process.poll() is not None, "the end", seconds)
        return self.process.returncode

    def press_control_c(self) -> None:
        os.write(self.typed, b"\x03")

    def read_all(self) -> None:
        with suppress(OSError):  # Linux: the other end is closed
            while data := os.read(self.typed, 65536):
                self.shown += data.decode(errors="replace")

    def _count(self, text: str) -> int:
        return re.sub(r"\x1b\[[0-9;]*m", "", self.shown).count(text)

    def _await(self, condition: Callable[[], bool], what: str, seconds: float) -> None:
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                pytest.fail(f"no {what} in {seconds:g} s: {self.shown[-2000:]}")
            time.sleep(0.05)


class Windows:
    """Windows, with a Python and this project; a context manager that ends what it starts."""

    def __init__(self) -> None:
        self._folder = Path(FOLDER).resolve()
        self.python = self._folder / "python" / "python.exe"
        self.module_path = of_windows(PROJECT)
        self._environment = os.environ | {
            "WINEPREFIX": str(self._folder / "prefix"),
            "WINEARCH": "win64",
            "WINEDEBUG": "-all",
            "PYTHONPATH": self.module_path,
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    def __enter__(self) -> Windows:
        self._server("-p")  # else it starts anew with each program
        # Services that start with the first program keep its streams open.
        nothing = subprocess.DEVNULL
        command = ["wine", "cmd", "/c", "exit"]
        subprocess.run(command, env=self._environment, stdin=nothing, stdout=nothing, timeout=60)
        return self

    def __exit__(self, *_: object) -> None:
        self._server("-k")
        self._server("-w")

    def _server(self, option: str) -> None:
        subprocess.run(["wineserver", option], env=self._environment, timeout=60, check=False)

    def python_runs(self, *words: str, cwd: Path, **environment: str) -> Run:
        """Run Python to its end; stdout and stderr are both in `out`."""
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", _PIPED, self.python, *words],
            cwd=cwd,
            env=self._environment | environment,
            capture_output=True,
            timeout=120,
        )
        return Run(done.returncode, done.stdout.decode().replace("\r\n", "\n"), "")

    def thumbnailer(self, *words: str, cwd: Path) -> Run:
        """Run the command line to its end."""
        run = self.python_runs("-m", "thumbnailer", *words, cwd=cwd)
        assert "Traceback" not in run.out, run.out
        return run

    @contextmanager
    def in_a_console(self, *words: str, cwd: Path) -> Iterator[Running]:
        """Run the command line in a console, in which can be typed; it is killed in the end."""
        pty = pytest.importorskip("pty")
        leader, terminal = pty.openpty()
        command = ["setsid", "--ctty", "wine", str(self.python), "-m", "thumbnailer", *words]
        with subprocess.Popen(
            command,
            cwd=cwd,
            env=self._environment,
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
        ) as process:
            os.close(terminal)
            running = Running(process, leader)
            reader = threading.Thread(target=running.read_all)
            reader.start()
            try:
                yield running
            finally:
                process.kill()
                process.wait(60)
                reader.join(60)
                os.close(leader)

    @contextmanager
    def drive(self, letter: str, folder: Path) -> Iterator[None]:
        """Another drive, which holds what a folder does."""
        link = self._folder / "prefix" / "dosdevices" / f"{letter}:"
        link.symlink_to(folder)
        try:
            yield
        finally:
            link.unlink()

    def pythons(self) -> list[int]:
        """The processes of Python that run here: programs and their workers."""
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            with suppress(OSError):
                environment = Path(f"/proc/{pid}/environ").read_bytes()
                command = Path(f"/proc/{pid}/cmdline").read_bytes()
                if b"python.exe" in command and os.fsencode(self._folder) in environment:
                    found.append(int(pid))
        return found


def of_windows(path: Path) -> str:
    """The path on the drive by which Wine shows what is outside."""
    return f"Z:{path}".replace("/", "\\")
