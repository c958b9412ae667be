"""Files without an ending: pictures, and what else there may be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from support.pictures import picture

# What a name without an ending may hold that is no picture, and what is said of it.
OTHERS = {
    "text": (b"Dear all,\n", "is text, no picture"),
    "archive": (b"PK\3\4" + bytes(60), "is a ZIP archive, no format that is read here"),
    "film": (b"\0\0\0\x18ftypmp42" + bytes(60), "is a video or another ISO media file"),
    "empty": (b"", "is empty"),
    "zeros": (bytes(60), "is blank (zero bytes only)"),
    "noise": (b"\x9a\xf3\x81" * 20, "is no picture of a format that is read here"),
    "photoshop": (
        b"8BPS\0\1" + bytes(60),
        "is a Photoshop document, which is read with --also psd",
    ),
}


def without_ending(path: Path, **options: Any) -> Path:
    """A picture whose name has no ending."""
    made = picture(path.with_name(f"{path.name}.jpg"), **options)
    return made.rename(path)


def uploads_in(folder: Path) -> Path:
    """Two pictures and other files without an ending, and a picture with one."""
    without_ending(folder / "xtapjj")
    without_ending(folder / "ab" / "cd" / "abcd")
    picture(folder / "named.jpg")
    for name, (content, _) in OTHERS.items():
        (folder / name).write_bytes(content)
    return folder


# What becomes of those that are no pictures.
SKIPPED = dict.fromkeys(OTHERS, "skipped")
