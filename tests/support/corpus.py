"""Which real pictures stand for all of the corpus, where each costs seconds."""

from __future__ import annotations

from pathlib import Path

# What decides how a camera's JPEG is decoded is there at least once: chroma at full size, halved in
# width, in height and in both; baseline and progressive; turned; with an ICC profile of its own.
_KINDS = (
    "Canon_EOS-1DS_after_Noise_Ninja.jpg",  # 11 megapixels, 4:2:0
    "Canon_EOS_1000D.jpg",  # 10 megapixels, 4:2:2, to be turned to the right
    "Canon_EOS_D60.jpg",  # sRGB by a profile
    "Epson_PhotoPC_3000Z.jpg",  # 4:4:0
    "Issue_600_2.jpg",  # progressive, 4:4:4, with a profile
    "Panasonic_LZ2.jpg",  # much detail
)


def camera_kinds(corpus: Path) -> list[Path]:
    """A camera picture of each kind."""
    return [corpus / "camera" / name for name in _KINDS]
