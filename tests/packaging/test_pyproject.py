"""What the project says of itself: its name, its extras, and the checks before a commit."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from support.program import in_a_process
from support.project import PROJECT

import thumbnailer
from thumbnailer.engine import sandbox
from thumbnailer.formats import EXTRAS

META: dict[str, Any] = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
NAME = META["name"]
FOR_DEVELOPERS = {"docs", "lint", "test", "test-all"}
HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(200)


def members(extra: str) -> set[str]:
    """The extras that one consists of, and those that these consist of; empty for a single one."""
    found = set[str]()
    for requirement in META["optional-dependencies"][extra]:
        if itself := re.fullmatch(rf"{NAME}\[(.*)\]", requirement):
            for name in itself[1].split(","):
                found |= members(name) or {name}
    return found


def installed_as(name: str, folder: Path, script: str = "thumbnailer.__main__:main") -> Path:
    """A folder for `PYTHONPATH` in which the program is installed under that name."""
    metadata = folder / f"{name.replace('-', '_')}-1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[console_scripts]\nthumbnailer = {script}\n")
    return folder


def hinted(folder: Path) -> str:
    """What the command line says to install for want of the extra `completion`."""
    (folder / "shtab.py").write_text("raise ImportError")
    run = in_a_process("completion", "bash", PYTHONPATH=str(folder))
    return run.err.partition("install it with ")[2]


def test_a_hint_has_the_name_under_which_the_program_is_installed(tmp_path: Path) -> None:
    folder = installed_as("thumbs-of-debian", tmp_path)
    assert hinted(folder) == "pip install 'thumbs-of-debian[completion]'\n"


def test_a_command_of_the_same_name_is_not_taken_for_ours(tmp_path: Path) -> None:
    folder = installed_as("thumbnailer", tmp_path, "thumbnailer.cli:run")
    assert "'thumbnailer[" not in hinted(folder)


def test_a_damaged_package_beside_ours_does_no_harm(tmp_path: Path) -> None:
    installed_as("damaged", tmp_path, "\nno entry point")
    assert hinted(tmp_path) == f"pip install '{NAME}[completion]'\n"


def test_where_nothing_is_installed_a_hint_has_the_name_of_the_project(tmp_path: Path) -> None:
    (tmp_path / "thumbnailer").symlink_to(Path(thumbnailer.__file__).parent)
    script = f"""
import sys
sys.path.append({str(tmp_path)!r})
from thumbnailer.errors import install_hint
print(install_hint("heif"))
"""
    words = [sys.executable, "-I", "-S", "-c", script]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stdout == f"pip install '{NAME}[heif]'\n"


@pytest.mark.skipif(bool(sandbox.unavailable_reason()), reason=sandbox.unavailable_reason())
def test_a_worker_in_its_sandbox_knows_the_name(photos: Path, tmp_path: Path) -> None:
    folder = installed_as("thumbs-of-debian", tmp_path / "installed")
    hidden = "import sys\nsys.modules['pillow_heif'] = None\n"  # as if it were not installed
    (folder / "sitecustomize.py").write_text(hidden)
    (photos / "a.heic").write_bytes(HEIC)
    words = ("make", "--sandbox", "require", photos / "a.heic")
    run = in_a_process(*words, PYTHONPATH=str(folder))
    assert "read after pip install 'thumbs-of-debian[heif]'" in run.err


def test_extras_of_several() -> None:
    single = {name for name in META["optional-dependencies"] if not members(name)}
    assert members("fast") == {"png", "simd"}
    assert members("formats") == {*EXTRAS, "vips"}
    assert members("all") == single - FOR_DEVELOPERS
    assert members("test-all") > members("all")


def test_no_extra_names_another_project() -> None:
    lines = [line for lines in META["optional-dependencies"].values() for line in lines]
    assert not [line for line in lines if re.match(r"thumbnailer\b", line)]


def test_what_is_checked_before_a_commit_is_what_ci_checks() -> None:
    script = (PROJECT / ".ci" / "run").read_text()
    commands = r"^(pip install .*lint.*|ruff .*|codespell|mypy|lint-imports)$"
    install, *lint = re.findall(commands, script, re.MULTILINE)
    assert install
    hooks = (PROJECT / ".pre-commit-config.yaml").read_text()
    assert re.findall(r"^ +entry: (.*)$", hooks, re.MULTILINE) == lint
    assert len(lint) == 5
