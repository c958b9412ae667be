"""Random changes for a while; `python -m tests.tools.soak` goes on for as long as one likes."""

from __future__ import annotations

import subprocess
import sys

import pytest
from support.marks import needs_proc
from support.project import PROJECT

pytestmark = needs_proc


@pytest.mark.parametrize(
    "minutes",
    [pytest.param(0.4, marks=pytest.mark.slow), pytest.param(2, marks=pytest.mark.nightly)],
)
def test_after_random_changes_and_kills_all_is_right(minutes: float) -> None:
    command = [sys.executable, "-m", "tests.tools.soak", "--minutes", str(minutes), "--seed", "1"]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=400)
    assert done.returncode == 0, done.stdout + done.stderr
