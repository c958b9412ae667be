"""GIFs as browsers show them: what no frame covers is transparent."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from PIL import ImageSequence, WebPImagePlugin
from support.thumbs import thumb

Box = tuple[int, int, int, int]

SIZE = (40, 30)
GREYS = bytes(value for grey in range(256) for value in (grey, grey, grey))
COLOURS = bytes([0, 0, 255, 255, 0, 0, 0, 255, 0, 255, 255, 0]) + bytes(756)
BLUE, RED, LIME = 0, 1, 2
CLEAR = (0, 0, 0, 0)


def pixels(index: int, number: int) -> bytes:
    """Pixels of one colour; the table is cleared before codes get longer (GIF89a, appendix F)."""
    bits, bits_left, codes = 0, 0, []
    for at in range(0, number, 254):
        codes += [256] + [index] * min(254, number - at)
    for code in [*codes, 257]:
        bits |= code << bits_left
        bits_left += 9
    data = bits.to_bytes(bits_left // 8 + 1, "little")
    blocks = (data[at : at + 255] for at in range(0, len(data), 255))
    return b"\x08" + b"".join(bytes([len(block)]) + block for block in blocks) + b"\0"


def frame(
    box: Box, index: int, disposal: int = 0, palette: bytes = b"", transparent: int | None = None
) -> bytes:
    """A frame of one colour, and what becomes of it before the next one (GIF89a, 20 and 23)."""
    left, top, right, bottom = box
    flags = disposal << 2 | (transparent is not None)
    control = b"!\xf9\x04" + struct.pack("<BHBB", flags, 10, transparent or 0, 0)
    place = struct.pack("<HHHH", left, top, right - left, bottom - top)
    head = b"," + place + bytes([0x87 if palette else 0]) + palette
    return control + head + pixels(index, (right - left) * (bottom - top))


def gif(*frames: bytes, palette: bytes = COLOURS, background: int = LIME) -> bytes:
    return (
        b"GIF89a"
        + struct.pack("<HHBBB", *SIZE, 0xF7, background, 0)
        + palette
        + b"".join(frames)
        + b";"
    )


def shown(source: Path) -> list[str]:
    """What each frame of a thumbnail shows at three places, from left to right: initials."""
    thumb(source, "out.webp", animated=True)
    frames = []
    with WebPImagePlugin.WebPImageFile(source.parent / "out.webp") as image:
        # Pillow forgets what is transparent if none of the frames is.
        image._mode = image.rawmode = "RGBA"
        for one in ImageSequence.Iterator(image):
            seen = [one.convert("RGBA").getpixel(place) for place in ((3, 15), (20, 15), (37, 15))]
            frames.append("".join(map(initial, seen)))
    return frames


def initial(pixel: object) -> str:
    assert isinstance(pixel, tuple)
    strong = [value > 127 for value in pixel]
    names = {(0, 0, 1): "B", (1, 0, 0): "R", (0, 1, 0): "G", (1, 1, 1): "W", (0, 0, 0): "K"}
    return names[strong[0], strong[1], strong[2]] if strong[3] else "."


LEFT, MIDDLE, RIGHT, ALL = (0, 0, 10, 30), (10, 0, 30, 30), (30, 0, 40, 30), (0, 0, 40, 30)


@pytest.mark.parametrize("palette", [COLOURS, GREYS])
@pytest.mark.parametrize("local", [b"", COLOURS, GREYS])
def test_around_a_smaller_first_frame_there_is_nothing(
    tmp_path: Path, palette: bytes, local: bytes
) -> None:
    (tmp_path / "a.gif").write_bytes(gif(frame(MIDDLE, RED, palette=local), palette=palette))
    out = thumb(tmp_path / "a.gif").convert("RGBA")
    seen = [out.getpixel(place) for place in ((3, 15), (20, 15), (37, 15))]
    colour = (255, 0, 0, 255) if (local or palette) == COLOURS else (1, 1, 1, 255)
    assert seen == [CLEAR, colour, CLEAR]


@pytest.mark.parametrize("palette", [COLOURS, GREYS])
@pytest.mark.parametrize("disposal", [2, 3])
def test_a_first_frame_that_is_cleared_leaves_nothing(
    tmp_path: Path, palette: bytes, disposal: int
) -> None:
    first, second = frame(MIDDLE, RED, disposal, COLOURS), frame(RIGHT, BLUE, palette=COLOURS)
    (tmp_path / "a.gif").write_bytes(gif(first, second, palette=palette))
    assert shown(tmp_path / "a.gif") == [".R.", "..B"]


def test_a_frame_is_cleared_only_where_it_says_so_itself(tmp_path: Path) -> None:
    frames = [
        frame(ALL, RED),
        frame(LEFT, BLUE, disposal=2),
        frame(MIDDLE, LIME),
        frame(RIGHT, BLUE, disposal=3),
        frame(LEFT, LIME),
        frame(RIGHT, LIME),
    ]
    (tmp_path / "a.gif").write_bytes(gif(*frames))
    assert shown(tmp_path / "a.gif") == ["RRR", "BRR", ".GR", ".GB", "GGR", "GGG"]


def test_grey_remains_under_a_frame_in_colour(tmp_path: Path) -> None:
    frames = [frame(ALL, 255, palette=GREYS), frame(RIGHT, RED)]
    (tmp_path / "a.gif").write_bytes(gif(*frames, palette=COLOURS))
    assert shown(tmp_path / "a.gif") == ["WWW", "WWR"]
