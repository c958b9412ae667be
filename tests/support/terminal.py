"""The program on a terminal: a pseudo-terminal of a given size."""

from __future__ import annotations

import os
import re
import struct
import subprocess
import tempfile
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.program import THUMBNAILER


@dataclass(frozen=True)
class Session:
    """What was seen of a run.

    Attributes:
        sent: all that the terminal was sent.
        out: what went to stdout, where that was a file or a pipe.
    """

    code: int
    sent: str
    out: str

    @property
    def shown(self) -> str:
        """What it was sent, without colours."""
        return re.sub(r"\x1b\[[0-9;]*m", "", self.sent)

    @property
    def frames(self) -> list[str]:
        """What stood on a line of the terminal at some time."""
        return [text.strip("\r") for line in self.shown.split("\n") for text in line.split("\r")]

    @property
    def screen(self) -> list[str]:
        """What stands on its lines in the end."""
        lines = []
        for line in self.shown.split("\n"):
            standing = ""
            for text in line.split("\r"):  # each from the line's beginning on
                standing = text + standing[len(text) :]
            lines.append(standing.rstrip())
        return lines if lines[-1] else lines[:-1]


def on_terminal(
    *arguments: str | Path,
    columns: int = 100,
    out_too: bool = False,
    out_piped: bool = False,
    in_too: bool = False,
    typed: str = "",
    program: Sequence[str] = THUMBNAILER,
    once: tuple[str, Callable[[], object]] | None = None,
    cwd: Path | None = None,
    **environment: str,
) -> Session:
    """Run the program with stderr on a terminal.

    Args:
        columns: its width; 0 if it does not know its size.
        out_too: stdout is there, too; else it is a file.
        out_piped: it is a pipe, as to a pager.
        in_too: so is stdin.
        typed: what is typed there, at once.
        program: what runs the command line.
        once: what is called when something is shown there, and a pattern of that.
    """
    fcntl, pty, termios = map(pytest.importorskip, ("fcntl", "pty", "termios"))  # POSIX
    leader, terminal = pty.openpty()
    if columns:
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    with tempfile.TemporaryFile() as out_file:
        stdout = terminal if out_too else subprocess.PIPE if out_piped else out_file
        with subprocess.Popen(
            [*program, *map(str, arguments)],
            cwd=cwd,
            env={**os.environ, "TERM": "xterm", "NO_COLOR": "", **environment},
            stdin=terminal if in_too else subprocess.DEVNULL,
            stdout=stdout,
            stderr=terminal,
        ) as process:
            os.close(terminal)
            os.write(leader, typed.encode())
            shown = bytearray()
            reader = threading.Thread(target=_read_all, args=(leader, shown, once))
            reader.start()
            try:
                out = process.communicate(timeout=60)[0] or b""
            finally:
                process.kill()
            reader.join(60)
        out_file.seek(0)
        out += out_file.read()
    os.close(leader)
    return Session(process.returncode, shown.decode(), out.decode())


def _read_all(leader: int, shown: bytearray, once: tuple[str, Callable[[], object]] | None) -> None:
    try:
        while chunk := os.read(leader, 65536):
            shown += chunk
            if once and re.search(once[0], shown.decode(errors="ignore")):
                once[1]()
                once = None
    except OSError:  # Linux: the other end is closed
        pass
