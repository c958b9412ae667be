"""Two minutes of random changes; `python -m tests.tools.soak` is the long version."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from support.project import PROJECT

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="looks at /proc"),
]


def test_after_two_minutes_of_random_changes_and_kills_all_is_right() -> None:
    command = [sys.executable, "-m", "tests.tools.soak", "--minutes", "2", "--seed", "1"]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=400)
    assert done.returncode == 0, done.stdout + done.stderr
