"""JPEG 2000 of all depths looks as it does in 8 bits."""

from __future__ import annotations

import base64
import io
import struct
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from support.colours import is_near, pixel
from support.thumbs import thumb

from thumbnailer import PictureError

# Pictures of 16 x 8 px and 16 bits a channel, which Pillow can't write (OpenJPEG does): white,
# black, red and grey from left to right, of which red is half transparent in the last.
REVERSIBLE = (
    "AAAADGpQICANCocKAAAAFGZ0eXBqcDIgAAAAAGpwMiAAAAAtanAyaAAAABZpaGRyAAAACAAAABAAAw8HAAAAAAAPY29s"
    "cgEAAAAAABAAAAE4anAyY/9P/1EALwAAAAAAEAAAAAgAAAAAAAAAAAAAABAAAAAIAAAAAAAAAAAAAw8BAQ8BAQ8BAf9S"
    "AAwAAAABAQAEBAAB/1wABECA/2QAJQABQ3JlYXRlZCBieSBPcGVuSlBFRyB2ZXJzaW9uIDIuNS40/5AACgAAAAAAwAAB"
    "/5Pf+JUAJokInWu2njlhajAXQAMGe69pSE6kOMdQDAgqQMpbBTWkH2B4YFqABUAwLUDexoYFqABUAwLUDSKQYFqABUAw"
    "LUDKqoYFqABUAwLUC9LAYFqABUAwLUB77wwLUACoBgWoDkHhgWoAFQDAtQFdPDAtQAKgGBagKBgGBagAVAMC1AQvAMC1"
    "AAqAYFqAeSIYFqABUAwLUA4MgwLR9iT+lPDAtIDf+JBIO7kKnYUvt/9//9k="
)
IRREVERSIBLE = (
    "AAAADGpQICANCocKAAAAFGZ0eXBqcDIgAAAAAGpwMiAAAAAtanAyaAAAABZpaGRyAAAACAAAABAAAw8HAAAAAAAPY29s"
    "cgEAAAAAABAAAAFeanAyY/9P/1EALwAAAAAAEAAAAAgAAAAAAAAAAAAAABAAAAAIAAAAAAAAAAAAAw8BAQ8BAQ8BAf9S"
    "AAwAAAABAQAEBAAA/1wABUKAAP9kACUAAUNyZWF0ZWQgYnkgT3BlbkpQRUcgdmVyc2lvbiAyLjUuNP+QAAoAAAAAAOUA"
    "Af+T3/iU2CaJCJ1r0BC0QIqXofYBg4SzKFAMCCo3F35sQfJzubEH9KeGBagb2NDAtQAKgGBagaRSDAtH2JP6U8MC1Aw/"
    "KGBagAVAMC1AzESI+5TQwLUCJbwwLR9iT+lPDAtQFyHDAtQAKgGBagNnQGBagAVAMC1AmOsR9ymhgWoCl4BgWj7En9Ke"
    "GBagNoSI+5TQwLUA+MgwLR9iT+lPDAtPx/4MTjsNCJ2Gie094BhIGZHEhLOjMBhISxIhAYSEqkyAMJCUjSBhH1wiI8/8"
    "MCQ7uQqdhS+3/3//2Q=="
)
WITH_ALPHA = (
    "AAAADGpQICANCocKAAAAFGZ0eXBqcDIgAAAAAGpwMiAAAAAtanAyaAAAABZpaGRyAAAACAAAABAABA8HAAAAAAAPY29s"
    "cgEAAAAAABAAAAJ7anAyY/9P/1EAMgAAAAAAEAAAAAgAAAAAAAAAAAAAABAAAAAIAAAAAAAAAAAABA8BAQ8BAQ8BAQ8B"
    "Af9SAAwAAAABAAAEBAAB/1wABECA/2QAJQABQ3JlYXRlZCBieSBPcGVuSlBFRyB2ZXJzaW9uIDIuNS40/5AACgAAAAAC"
    "AAAB/5Pf+JTgJokInWuv1TZBQmS66UAYOEv5yXgGBBT2lI/pTwwLUD5joMC1AAqAYFqBp2YMC1AAqAYFqBr6IMC1AAqA"
    "YFqBkAoMC1AAqAYFqA+IIYFqABUAwLUCEgwwLUACoBgWoC5DhgWoAFQDAtQGzoDAtQAKgGBagTHWGBagAVAMC1AcP4MC"
    "1AAqAYFqA2hIYFqABUAwLUB5DQwLUACoBgWn3/iU4CaJDMZCqlyOMkQDISEAABhISs2GAABfiiT0xgprSD8Y4MC1AAqA"
    "YFqBxgwMC1AAqAYFqBo40MC1AAqAYFqBiFIMC1AAqAYFqBeFUMC1AAqAYFqBHt4YFqABUAwLUB77wwLUACoBgWoDkHhg"
    "WoAFQDAtQFdPDAtQAKgGBagKBgGBagAVAMC1AQvAMC1AAqAYFqAeSIYFqABUAwLUD9/4lOAmiQzGQqpcjjJEAyEhAAAY"
    "SErNhgAAX4ok9MYKa0g/GODAtQAKgGBagcYMDAtQAKgGBagaONDAtQAKgGBagYhSDAtQAKgGBagXhVDAtQAKgGBagR7e"
    "GBagAVAMC1Ae+8MC1AAqAYFqA5B4YFqABUAwLUBXTwwLUACoBgWoCgYBgWoAFQDAtQELwDAtQAKgGBagHkiGBagAVAMC"
    "1A/P/DA4FABbGO+/YWtoGKc3/3//2Q=="
)


def made(path: Path, data: bytes, **options: Any) -> Image.Image:
    (path / "a.jp2").write_bytes(data)
    return thumb(path / "a.jp2", also=["jpeg2000"], **options)


@pytest.mark.parametrize("stored", [REVERSIBLE, IRREVERSIBLE, WITH_ALPHA])
def test_white_of_16_bits_stays_white(tmp_path: Path, stored: str) -> None:
    out = made(tmp_path, base64.b64decode(stored))
    seen = [pixel(out, x, 4) for x in (1, 5, 9, 14)]
    right = [(255, 255, 255, 255), (0, 0, 0, 255), (255, 0, 0, 128), (128, 128, 128, 255)]
    assert out.mode == ("RGBA" if stored is WITH_ALPHA else "RGB")
    bands = len(out.mode)
    assert all(is_near(one, other[:bands], 1) for one, other in zip(seen, right, strict=True)), seen


def test_a_picture_of_16_bits_that_is_cut_short_is_not_made(tmp_path: Path) -> None:
    data = base64.b64decode(REVERSIBLE)
    for end in (len(data) * 2 // 3, len(data) - 40):
        with pytest.raises(PictureError, match="truncated"):
            made(tmp_path, data[:end])


@pytest.mark.parametrize("form", ["jp2", "j2k"])
@pytest.mark.parametrize("reversible", [True, False])
@pytest.mark.parametrize("is_signed", [False, True])
@pytest.mark.parametrize("bits", [1, 2, 4, 7, 8, 9, 10, 12, 14, 16])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.slow
def test_each_depth(
    tmp_path: Path, channels: int, bits: int, is_signed: bool, reversible: bool, form: str
) -> None:
    """What is stored is what another decoder finds in the file."""
    codecs, numpy = pytest.importorskip("imagecodecs"), pytest.importorskip("numpy")
    top = (1 << bits) - 1
    values = numpy.random.default_rng(bits).integers(0, top + 1, (24, 32, channels))
    values[:8], values[8:12] = top, 0
    values[..., 3:] = numpy.maximum(values[..., 3:], top // 2 + 1)
    kind = f"{'i' if is_signed else 'u'}{1 if bits <= 8 else 2}"
    low = 1 << (bits - 1) if is_signed else 0
    stored = numpy.ascontiguousarray((values - low).astype(kind).squeeze())
    data = codecs.jpeg2k_encode(
        stored, level=0, bitspersample=bits, reversible=reversible, codecformat=form
    )
    found = codecs.jpeg2k_decode(data).astype(int).reshape(values.shape) + low
    out = numpy.asarray(made(tmp_path, data)).astype(int).reshape(values.shape)
    assert abs(out - found * 255 / top).max() <= 2


def with_palette(colours: list[tuple[int, int, int]]) -> bytes:
    """A picture in grey that is to be seen through a palette (ISO/IEC 15444-1, I.5.3.4)."""
    plain = io.BytesIO()
    grey = Image.frombytes("L", (16, 16), bytes(x // 4 for x in range(16)) * 16)
    grey.save(plain, "JPEG2000", no_jp2=True)
    entries = bytes(value for one in colours for value in one)
    inner = box(b"ihdr", struct.pack(">IIHBBBB", 16, 16, 1, 7, 7, 0, 0))
    inner += box(b"colr", struct.pack(">BBBI", 1, 0, 0, 16))
    inner += box(b"pclr", struct.pack(">HB", len(colours), 3) + bytes([7] * 3) + entries)
    inner += box(b"cmap", b"".join(struct.pack(">HBB", 0, 1, channel) for channel in range(3)))
    start = b"\0\0\0\x0cjP  \r\n\x87\n" + box(b"ftyp", b"jp2 \0\0\0\0jp2 ")
    return start + box(b"jp2h", inner) + box(b"jp2c", plain.getvalue())


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content


def test_a_colour_may_be_in_a_palette_twice(tmp_path: Path) -> None:
    colours = [(9, 8, 7), (200, 0, 0), (9, 8, 7), (0, 0, 200)]
    out = made(tmp_path, with_palette(colours))
    assert [pixel(out, x, 8) for x in (1, 5, 9, 13)] == colours
