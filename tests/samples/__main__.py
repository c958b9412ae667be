"""Draw the sample pictures: python -m tests.samples [FOLDER], from the project root."""

import sys
from pathlib import Path

from .formats import write_samples

default = Path(__file__).resolve().parents[2] / "sample_images"
write_samples(Path(sys.argv[1]) if len(sys.argv) > 1 else default)
