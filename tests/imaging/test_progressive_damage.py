"""Progressive JPEGs that are not as they should be: what is told of them is what always was."""

from __future__ import annotations

import io
import random
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from PIL import Image, ImageFile
from support.progressive_scans import (
    can_be_opened,
    mutated,
    needs_turbo,
    pixels,
    reduced,
    saved,
    scene,
    segments,
)

from thumbnailer import PictureError, make_thumbnail
from thumbnailer.imaging.decode.progressive import keep_dc_scans

pytestmark = needs_turbo

Change = Callable[[bytes], bytes]

FRAME, HUFFMAN, SCAN, QUANTISATION = b"\xc2", b"\xc4", b"\xda", b"\xdb"


def places(pieces: list[bytes], kind: bytes) -> list[int]:
    return [at for at, piece in enumerate(pieces) if piece[1:2] == kind]


def without(kind: bytes, which: int) -> Change:
    """Takes one of the segments with a marker away."""

    def take(data: bytes) -> bytes:
        pieces = segments(data)
        del pieces[places(pieces, kind)[which]]
        return b"".join(pieces)

    return take


def swapped(kind: bytes, one: int, other: int) -> Change:
    """Exchanges two of the segments with a marker."""

    def swap(data: bytes) -> bytes:
        pieces = segments(data)
        first, second = places(pieces, kind)[one], places(pieces, kind)[other]
        pieces[first], pieces[second] = pieces[second], pieces[first]
        return b"".join(pieces)

    return swap


def twice(kind: bytes, which: int) -> Change:
    """Repeats one of the segments with a marker."""

    def repeat(data: bytes) -> bytes:
        pieces = segments(data)
        pieces[places(pieces, kind)[which]] *= 2
        return b"".join(pieces)

    return repeat


def patched(kind: bytes, offset: int, value: int, which: int = 0) -> Change:
    """Sets a byte of one of the segments with a marker; 1 is the place of the marker."""

    def patch(data: bytes) -> bytes:
        pieces = segments(data)
        at = places(pieces, kind)[which]
        pieces[at] = pieces[at][:offset] + bytes([value]) + pieces[at][offset + 1 :]
        return b"".join(pieces)

    return patch


def after_start(extra: bytes) -> Change:
    return lambda data: data[:2] + extra + data[2:]


UNUSUAL: dict[str, Change] = {
    "no end": lambda data: data[:-2],
    "cut in the middle": lambda data: data[: len(data) // 2],
    "cut in a header": lambda data: data[: data.index(b"\xff" + SCAN) + 5],
    "empty": lambda data: b"",
    "not progressive": patched(FRAME, 1, 0xC1),
    "arithmetic coding": patched(FRAME, 1, 0xCA),
    "12 bits": patched(FRAME, 4, 12),
    "a component without width": patched(FRAME, 11, 0x02),
    "components of one name": patched(FRAME, 13, 1),
    "a frame of another length": patched(FRAME, 9, 4),
    "two frames": twice(FRAME, 0),
    "no frame": without(FRAME, 0),
    "no quantisation table": without(QUANTISATION, 0),
    "no Huffman table": without(HUFFMAN, 2),  # the first one of AC
    "a Huffman table with too many codes of one bit": patched(HUFFMAN, 5, 3, 2),
    "no first scan of a colour": without(SCAN, 2),
    "no last bits of a colour": without(SCAN, -1),
    "a refinement before the scan that it refines": swapped(SCAN, 4, 5),
    "a scan twice": twice(SCAN, 3),
    "a scan of a component that is not there": patched(SCAN, 5, 9),
    "a scan with another length": patched(SCAN, 3, 14),
    "a marker without length": after_start(b"\xff\x01"),
    "a picture within": after_start(b"\xff\xd8"),
    "thousands of comments": after_start(b"\xff\xfe\0\2" * 5000),
    "thousands of tables": after_start(b"\xff\xc4\xff\xf7" + bytes(65525)),
}


@pytest.fixture(scope="module")
def usual() -> bytes:
    """A picture without anything unusual."""
    data = saved(scene((120, 90)), quality=85)
    reduced(data)
    return data


@pytest.mark.parametrize("what", UNUSUAL)
def test_what_is_unusual_is_left_as_it_is(usual: bytes, what: str) -> None:
    data = UNUSUAL[what](usual)
    assert data != usual
    assert keep_dc_scans(data) is None


@pytest.mark.parametrize(
    "count", [1000, pytest.param(30_000, marks=pytest.mark.slow)], ids=["some", "many"]
)
def test_of_damaged_pictures_it_makes_what_is_made_of_the_whole_file(count: int) -> None:
    chance = random.Random(count)
    options: list[dict[str, object]] = [{}, {"subsampling": "4:4:4"}, {"restart_marker_blocks": 2}]
    sources = [saved(scene((120, 90)), quality=85, **some) for some in options]
    sources.append(saved(scene((64, 64), "CMYK")))
    found = {"left as it is": 0, "fails": 0, "is decoded": 0}
    for _ in range(count):
        data = mutated(chance.choice(sources), chance)
        result, expected = keep_dc_scans(data), pixels(data)
        if result is None:
            found["left as it is"] += 1
        elif can_be_opened(data):
            assert pixels(result) == expected
            found["is decoded" if expected else "fails"] += 1
    assert min(found.values()) > count / 50, found


@pytest.mark.parametrize("share", [0.3, 0.9, 0.999])
def test_one_that_ends_early_is_told_of(tmp_path: Path, usual: bytes, share: float) -> None:
    source = tmp_path / "a.jpg"
    source.write_bytes(usual[: int(len(usual) * share)])
    with pytest.raises(PictureError, match="truncated: the end of the file is missing"):
        make_thumbnail(source, tmp_path / "out.jpg", size=6)
    assert make_thumbnail(source, tmp_path / "out.jpg", size=6, truncated="keep").width == 6


def test_one_that_lacks_its_last_bytes_is_made_only_if_nothing_of_it_differs(
    tmp_path: Path,
) -> None:
    source, made = tmp_path / "a.jpg", 0
    for seed in range(200):
        whole = saved(scene((32, 24), seed=seed), quality=85)
        for lost in (2, 4):  # of which 2 are the end marker
            source.write_bytes(whole[:-lost])
            with suppress(PictureError):
                make_thumbnail(source, tmp_path / "out.png", size=6)
                made += 1
                assert in_one_piece(whole[:-lost] + b"\xff\xd9") == in_one_piece(whole)
    assert made >= 200


def in_one_piece(data: bytes) -> bytes:
    """The pixels of a JPEG that libjpeg gets whole, so that it does not wait for more."""
    image = Image.open(io.BytesIO(data), formats=["JPEG"])
    assert isinstance(image, ImageFile.ImageFile)
    image.decodermaxblock = len(data)
    return image.tobytes()


def test_damage_in_what_shows_is_told_of(tmp_path: Path, usual: bytes) -> None:
    source = tmp_path / "a.jpg"
    source.write_bytes(patched(HUFFMAN, 5, 3)(usual))  # of DC
    assert keep_dc_scans(source.read_bytes())
    with pytest.raises(PictureError, match="damaged"):
        make_thumbnail(source, tmp_path / "out.jpg", size=6)
