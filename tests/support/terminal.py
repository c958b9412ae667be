"""The program on a terminal: a pseudo-terminal of a given size."""

from __future__ import annotations

import os
import struct
import subprocess
import threading
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.program import THUMBNAILER


@dataclass(frozen=True)
class Session:
    """What was seen of a run.

    Attributes:
        shown: all that the terminal was sent.
        out: what went to stdout, where that was a pipe.
    """

    code: int
    shown: str
    out: str

    @property
    def frames(self) -> list[str]:
        """What stood on a line of the terminal at some time."""
        return [text.strip("\r") for line in self.shown.split("\n") for text in line.split("\r")]


def on_terminal(
    *arguments: str | Path,
    columns: int = 100,
    out_too: bool = False,
    in_too: bool = False,
    typed: str = "",
    cwd: Path | None = None,
    **environment: str,
) -> Session:
    """Run the program with stderr on a terminal.

    Args:
        columns: its width; 0 if it does not know its size.
        out_too: stdout is there, too.
        in_too: so is stdin.
        typed: what is typed there, at once.
    """
    fcntl, pty, termios = map(pytest.importorskip, ("fcntl", "pty", "termios"))  # POSIX
    leader, terminal = pty.openpty()
    if columns:
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    with subprocess.Popen(
        [*THUMBNAILER, *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, "TERM": "xterm", **environment},
        stdin=terminal if in_too else subprocess.DEVNULL,
        stdout=terminal if out_too else subprocess.PIPE,
        stderr=terminal,
    ) as process:
        os.close(terminal)
        os.write(leader, typed.encode())
        shown = bytearray()
        reader = threading.Thread(target=_read_all, args=(leader, shown))
        reader.start()
        out = process.stdout.read() if process.stdout else b""
        process.wait(60)
        reader.join(60)
    os.close(leader)
    return Session(process.returncode, shown.decode(), out.decode())


def _read_all(leader: int, shown: bytearray) -> None:
    try:
        while chunk := os.read(leader, 65536):
            shown += chunk
    except OSError:  # Linux: the other end is closed
        pass
