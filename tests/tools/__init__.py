"""Programs for whoever works on the project: `python -m tests.tools.soak` and others."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # as for pytest
