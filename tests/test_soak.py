"""Two minutes of random changes; `python -m tests.soak` is the long version."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="looks at /proc"),
]


def test_after_two_minutes_of_random_changes_and_kills_all_is_right() -> None:
    command = [sys.executable, "-m", "tests.soak", "--minutes", "2", "--seed", "1"]
    done = subprocess.run(
        command, cwd=Path(__file__).parent.parent, capture_output=True, text=True, timeout=400
    )
    assert done.returncode == 0, done.stdout + done.stderr
