"""Where tests can't run."""

from __future__ import annotations

import os

import pytest

needs_proc = pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="looks at /proc")
root_only = pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs root")
