"""The library's types, as type checkers see them in somebody's program."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from support.project import PROJECT, TESTS

pytestmark = [pytest.mark.slow, pytest.mark.extra]

WRONG = """
import io
from thumbnailer import Settings, make_thumbnail, make_thumbnails

Settings(qualty=80)
make_thumbnail("a.jpg", "b.jpg", size=2.5)
make_thumbnail(io.StringIO(), "b.jpg")
make_thumbnails("photos").fialed
"""


def checked(checker: str, program: Path, folder: Path) -> str:
    """What a type checker says of a program that stands alone."""
    if not find_spec(checker):
        pytest.skip(f"{checker} is not installed")
    strict = ["--strict", "--cache-dir", str(folder)] if checker == "mypy" else []
    words = [sys.executable, "-m", checker, *strict, str(program)]
    done = subprocess.run(words, cwd=PROJECT, capture_output=True, text=True, timeout=240)
    assert done.returncode in (0, 1), done.stderr
    return done.stdout


@pytest.mark.parametrize("checker", ["mypy", "pyright"])
def test_a_program_that_uses_it_rightly_is_accepted(checker: str, tmp_path: Path) -> None:
    program = TESTS / "support" / "typed_program.py"
    assert "error" not in checked(checker, program, tmp_path).replace("0 errors", "")


@pytest.mark.parametrize("checker", ["mypy", "pyright"])
def test_each_slip_is_an_error(checker: str, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(WRONG)
    said = checked(checker, program, tmp_path)
    for word in ("qualty", "size", "StringIO", "fialed"):
        assert [line for line in said.splitlines() if word in line and "error" in line], said
