"""Draw the sample pictures: python -m tests.samples [FOLDER], from the project root."""

import argparse
from pathlib import Path

from .formats import write_samples

parser = argparse.ArgumentParser(prog="python -m tests.samples")
default = Path(__file__).resolve().parents[2] / "sample_images"
parser.add_argument("folder", nargs="?", type=Path, default=default)
write_samples(parser.parse_args().folder)
