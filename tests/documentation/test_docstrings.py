"""The docstring of each public name shows how it is used, in lines that run."""

from __future__ import annotations

import inspect
import re
import textwrap
import threading
from pathlib import Path
from typing import Any

import pytest
from support.pictures import picture

import thumbnailer

NAMES = sorted({*thumbnailer.__all__} - {"freeze_support"})  # of frozen programs only


def use_of(name: str) -> str:
    """The lines in a docstring that are indented as code, before its sections."""
    lines = (inspect.getdoc(getattr(thumbnailer, name)) or "").splitlines()
    end = next(
        (at for at, line in enumerate(lines) if re.fullmatch(r"[A-Z]\w+:", line)), len(lines)
    )
    return textwrap.dedent("\n".join(line for line in lines[:end] if line.startswith("    ")))


@pytest.fixture
def pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    picture(tmp_path / "photo.jpg", (600, 400))
    picture(tmp_path / "Pictures" / "photo.jpg", (600, 400))
    (tmp_path / "Pictures" / "broken.jpg").write_text("text")
    (tmp_path / "broken.jpg").write_text("text")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", NAMES)
def test_a_docstring_shows_a_use_that_runs(
    name: str, pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = use_of(name)
    assert code, "shows none"
    stopped = threading.Event()
    stopped.set()
    names: dict[str, Any] = {one: getattr(thumbnailer, one) for one in thumbnailer.__all__}
    names |= {"threading": threading, "upload": (pictures / "photo.jpg").read_bytes()}
    # A watch runs until somebody stops it.
    code = code.replace("threading.Event()", "stopped")
    exec(compile(code, name, "exec"), names | {"stopped": stopped})
    printed = capsys.readouterr().out
    kind = getattr(thumbnailer, name)
    rare = ("ThumbnailError", "SourceForbidden", "PruneRefused", "WorkerError")
    if inspect.isclass(kind) and issubclass(kind, Exception) and name not in rare:
        assert printed, "is raised by what it shows"
