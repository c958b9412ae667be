"""What it costs, against peers in the same run: `python -m tests.bench`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))  # as for pytest
