"""JPEG: tell the kinds that libjpeg-turbo, or Pillow with it, does not decode."""

from __future__ import annotations

from contextlib import suppress
from typing import BinaryIO

from thumbnailer.imaging.containers.jpeg_segments import MAX_SEGMENTS, read_segment

# Frames by their markers (ISO 10918-1, table B.1); those that are decoded are left out: baseline,
# extended and progressive ones, Huffman- or arithmetic-coded.
_KINDS = {
    **dict.fromkeys((0xC3, 0xCB), "a lossless JPEG"),
    **dict.fromkeys((0xC5, 0xC6, 0xC7, 0xCD, 0xCE, 0xCF), "a hierarchical JPEG"),
    0xF7: "a JPEG-LS picture",  # ISO 14495-1, C.1.1
}
_DECODED = {0xC0, 0xC1, 0xC2, 0xC9, 0xCA}


def unread_jpeg(file: BinaryIO) -> str:
    """Return in words what a JPEG is that is not read here; "" for others, and damaged ones."""
    at = 2
    with suppress(ValueError):
        for _ in range(MAX_SEGMENTS):
            segment = read_segment(file, at)
            if kind := _KINDS.get(segment.marker):
                return kind
            if segment.marker in _DECODED:
                file.seek(segment.body)
                depth, *sides = file.read(5)
                if depth != 8:
                    return f"a JPEG of {depth} bits a channel"
                if len(sides) == 4 and not any(sides[:2]):  # B.2.5
                    return "a JPEG whose height comes after its pixels (DNL)"
                return ""
            at = segment.end
    return ""
