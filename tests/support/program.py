"""The command line, run to its end in the tests' own process or in one of its own."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from thumbnailer.cli.main import main

THUMBNAILER = [sys.executable, "-m", "thumbnailer"]

# From Python 3.12 on each `os.fork` beside a thread is warned of.
PYTHON_THAT_FORKS = [sys.executable, "-W", "ignore::DeprecationWarning"]


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
    """Run the command line to its end, in this process: a process of its own costs a third of a
    second, and a fork server for its workers as much again. `in_a_process` is for what depends on
    signals, streams, terminals or the interpreter's own environment."""
    for name in environment:  # which the interpreter, the fork server and Ray have read already
        assert not name.startswith(("PYTHON", "PATH", "RAY_")), "takes a process of its own"
    out, err = _Stream(), _Stream()
    with (
        _environment(environment),
        chdir(cwd or os.curdir),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        try:
            code = main([os.fspath(argument) for argument in arguments])
        except SystemExit as end:  # argparse, after help
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
    return Run(code, out.text(), err.text())


def in_a_process(
    *arguments: str | Path,
    cwd: Path | None = None,
    prefix: tuple[str, ...] = (),
    **environment: str,
) -> Run:
    """Run the program to its end, as a shell does.

    Args:
        prefix: a program that runs it in its own place, with its arguments.
    """
    done = subprocess.run(
        [*prefix, *THUMBNAILER, *(os.fspath(argument) for argument in arguments)],
        cwd=cwd,
        env=os.environ | environment,
        capture_output=True,
        timeout=120,
    )
    out, err = (text.decode().replace(os.linesep, "\n") for text in (done.stdout, done.stderr))
    return Run(done.returncode, out, err)


def make(*arguments: str | Path, cwd: Path | None = None) -> Run:
    """`thumbnailer make --json`; checks that the counts add up and that no traceback is shown."""
    return checked(thumbnailer("make", "--json", *arguments, cwd=cwd))


def remove(command: str, *arguments: str | Path, prefix: tuple[str, ...] = ()) -> Run:
    """A command that removes thumbnails, with `--json`; checks that the rows are those the summary
    counts.

    Args:
        prefix: as for `in_a_process`.
    """
    words = command, "--json", *arguments
    run = in_a_process(*words, prefix=prefix) if prefix else thumbnailer(*words)
    assert "Traceback" not in run.err
    if run.out:
        for status in ("removed", "kept", "failed"):
            assert run.summary[status] == sum(row["status"] == status for row in run.rows)
    return run


def checked(run: Run) -> Run:
    """A run of `make --json` whose counts add up and that shows no traceback."""
    assert "Traceback" not in run.err
    if run.out:
        counts = run.summary
        states = ("made", "current", "skipped", "failed")
        assert counts["found"] == sum(counts[state] for state in states) == len(run.rows)
    return run


class _Stream(io.TextIOWrapper):
    """A text stream as the interpreter opens it where output is captured."""

    def __init__(self) -> None:
        self._bytes = io.BytesIO()
        super().__init__(self._bytes, encoding="utf-8", write_through=True)

    def text(self) -> str:
        return self._bytes.getvalue().decode().replace(os.linesep, "\n")


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def enough(photos: Path, *options: str) -> None:
    """A picture that says what it needs is made if it gets that, and what Python itself wants.

    Before anything was read it could tell of its reader only, or of a picture inside it.
    """
    memory = 32
    for _ in range(4):
        error = make(photos, "--worker-memory", str(memory), "-s", "2000", *options).rows[0][
            "error"
        ]
        if not error:
            return
        assert error["stage"] == "limits"
        needed = re.search(r"needs about (\d+) MiB", error["reason"])
        assert needed
        memory = int(needed[1]) + 24
    raise AssertionError(error)
