"""Where things are in the project."""

from __future__ import annotations

from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
PROJECT = TESTS.parent
SAMPLES = PROJECT / "sample_images"
SUNSET = SAMPLES / "progressive-sunset.jpg"
CONTAINERFILE = PROJECT / ".packaging" / "Containerfile"
