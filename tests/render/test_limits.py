"""Pictures that cost too much, and files that are no pictures."""

from __future__ import annotations

import io
import random
import struct
import subprocess
import sys
import threading
import warnings
import zlib
from pathlib import Path

import pytest
from PIL import Image
from support.pictures import noise, picture
from support.program import make

from thumbnailer import PictureError, make_thumbnail


def png_header(width: int, height: int) -> bytes:
    """A PNG that promises a size and holds no pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        checksum = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


def failure(photos: Path, name: str, data: bytes, *options: str) -> tuple[str, str]:
    """Stage and reason of what a file's content comes to."""
    (photos / name).write_bytes(data)
    run = make(photos, *options)
    assert run.code == 3
    error = run.rows[0]["error"]
    return error["stage"], error["reason"]


@pytest.mark.parametrize(
    ("size", "reason"),
    [
        ((10_000, 5_001), "has 10000 x 5001 px in 57 bytes: more than the limit of 50 megapixels"),
        ((30_000, 30_000), "has 30000 x 30000 px, 900 megapixels: more than the limit of 250"),
        ((2**31 - 1, 2**31 - 1), "has 2147483647 x 2147483647 px"),
    ],
)
@pytest.mark.few(1)
def test_too_many_pixels_fail_by_the_header(
    photos: Path, size: tuple[int, int], reason: str
) -> None:
    stage, said = failure(photos, "a.png", png_header(*size))
    assert stage == "limits"
    assert said.startswith(reason)


def test_up_to_the_limit_it_is_the_pixels_that_count(photos: Path) -> None:
    stage, _ = failure(photos, "a.png", png_header(10_000, 5_000))
    assert stage == "decode"


@pytest.mark.slow
def test_a_large_picture_is_made_where_it_is_no_bomb(photos: Path) -> None:
    """Scans and the pictures of large cameras; a picture of nothing would take as much memory."""
    picture(photos / "a.jpg", (9000, 6000), mode="L", quality=1)
    piece = noise((500, 500), 90)
    sheet = Image.new("L", (9000, 7000))
    for x in range(0, 9000, 500):
        for y in range(0, 7000, 500):
            sheet.paste(piece.rotate(x + y), (x, y))
    sheet.save(photos / "b.png", compress_level=1)
    sheet.convert("RGB").save(photos / "c.tif", compression="tiff_lzw")
    sheet.convert("1").save(photos / "d.tif", compression="group4")
    Image.new("L", (9000, 7000)).save(photos / "e.png")
    run = make(photos)
    assert run.statuses == dict.fromkeys(["a.jpg", "b.png", "c.tif", "d.tif"], "made") | {
        "e.png": "failed"
    }
    again = make(photos, "--max-pixels", str(5 * 9000 * 7000), "--retry-failed")
    assert again.statuses["e.png"] == "made", "who trusts it can say so"


FRUGAL = """
import sys
from thumbnailer import make_thumbnail
make_thumbnail(sys.argv[1], sys.argv[2])
status = dict(line.split(":") for line in open("/proc/self/status"))
print(int(status["VmHWM"].split()[0]) // 1024)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_a_large_jpeg_is_never_decoded_at_full_size(tmp_path: Path) -> None:
    source = picture(tmp_path / "a.jpg", (10_000, 8_000))  # 240 MB of pixels
    command = [sys.executable, "-c", FRUGAL, str(source), str(tmp_path / "b.jpg")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert int(done.stdout) < 120  # MiB


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp", "a.gif", "a.bmp", "a.tif", "a.avif"])
@pytest.mark.few(1)
def test_max_pixels_holds_for_every_format(photos: Path, name: str) -> None:
    picture(photos / name, (40, 25))
    assert make(photos, "--max-pixels", "999").rows[0]["error"]["stage"] == "limits"
    assert make(photos, "--max-pixels", "1000").statuses == {name: "made"}


def test_other_threads_see_no_change_of_pillow_and_of_warnings(tmp_path: Path) -> None:
    names = [f"a.{ending}" for ending in ("jpg", "png", "webp", "gif", "bmp", "tif", "avif")]
    sources = [picture(tmp_path / name) for name in names]
    done, seen = threading.Event(), set[object]()

    def look() -> None:
        while not done.is_set():
            seen.add((Image.MAX_IMAGE_PIXELS, id(warnings.filters), len(warnings.filters)))

    thread = threading.Thread(target=look)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        thread.start()
        for source in sources * 10:
            make_thumbnail(source, tmp_path / "out.jpg")
    finally:
        sys.setswitchinterval(interval)
        done.set()
        thread.join()
    assert len(seen) == 1


def test_the_caller_s_pillow_is_left_as_it_was(tmp_path: Path) -> None:
    source = picture(tmp_path / "a.jpg")
    before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, 12345
    filters = warnings.filters[:]
    try:
        make_thumbnail(source, tmp_path / "b.jpg")
        with pytest.raises(PictureError, match="limits"):
            make_thumbnail(source, tmp_path / "b.jpg", max_pixels=5)
        assert Image.MAX_IMAGE_PIXELS == 12345
        assert warnings.filters == filters
    finally:
        Image.MAX_IMAGE_PIXELS = before


@pytest.mark.slow
def test_a_format_that_is_not_ours_is_not_opened(photos: Path) -> None:
    for format in ("PPM", "TGA", "ICO", "PCX", "EPS", "PDF", "JPEG2000"):
        buffer = io.BytesIO()
        Image.new("RGB", (16, 16)).save(buffer, format)
        stage, _ = failure(photos, "a.png", buffer.getvalue())
        assert stage == "open"


def test_the_ending_does_not_decide_what_a_picture_is(photos: Path) -> None:
    picture(photos / "a.jpg", format="PNG")
    assert make(photos).statuses == {"a.jpg": "made"}


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp", "a.gif", "a.bmp", "a.tif", "a.avif"])
@pytest.mark.few(2)
def test_half_a_picture_fails_and_leaves_no_thumbnail(photos: Path, name: str) -> None:
    source = picture(photos / name, (300, 200))
    noise((300, 200), 80).convert("RGB").save(source)
    source.write_bytes(source.read_bytes()[: source.stat().st_size // 2])
    run = make(photos)
    assert run.statuses == {name: "failed"}
    assert run.rows[0]["error"]["reason"].startswith("truncated")
    assert not (photos / "thumbs" / thumbnail(name)).exists()


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.gif", "a.bmp", "a.tif"])
@pytest.mark.few(1)
def test_damage_that_pillow_notices_is_never_a_thumbnail(photos: Path, name: str) -> None:
    chance = random.Random(name)
    picture(photos / name, (200, 150))
    good = (photos / name).read_bytes()
    for number in range(40):
        bad = bytearray(good)
        for _ in range(3):
            bad[chance.randrange(100, len(bad))] ^= 0xFF
        (photos / f"{number} {name}").write_bytes(bad)
    for row in make(photos).rows:
        try:
            with Image.open(row["source"]) as image:
                image.load()
            expected = "made"
        except Exception:  # whatever Pillow says
            expected = "failed"
        assert row["status"] == expected, row


def thumbnail(name: str) -> str:
    return name if name.endswith(".jpg") else f"{name}.jpg"


def test_the_codecs_own_words_reach_nobody(photos: Path) -> None:
    (photos / "a.tif").write_bytes(
        b"II*\0\x08\0\0\0\x03\0"
        + struct.pack("<HHII", 256, 3, 1, 8)
        + struct.pack("<HHII", 257, 3, 1, 8)
        + struct.pack("<HHII", 259, 3, 1, 4)
        + bytes(40)
    )
    run = make(photos)
    assert run.err == ""
    assert run.summary["failed"] == 1


def test_broken_files_never_stop_a_batch(photos: Path) -> None:
    for number in range(10):
        picture(photos / f"{number}.jpg")
        (photos / f"{number}.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    run = make(photos)
    assert run.code == 3
    assert (run.summary["made"], run.summary["failed"]) == (10, 10)


SLOW = """
import io, sys
from PIL import Image
Image.new("RGB", (12000, 12000)).save(sys.argv[1], quality=95, progressive=True)
"""


@pytest.mark.slow
def test_a_picture_that_takes_too_long_fails_by_the_clock(photos: Path) -> None:
    subprocess.run([sys.executable, "-c", SLOW, photos / "slow.jpg"], check=True)
    picture(photos / "a.jpg")
    run = make(photos, "--timeout", "0.1", "-s", "3000")
    assert run.statuses == {"slow.jpg": "failed", "a.jpg": "made"}
    error = next(row["error"] for row in run.rows if row["error"])
    assert error == {"stage": "timeout", "reason": "timeout: took longer than 0.1 s"}
    again = make(photos, "--timeout", "0.1", "-s", "3000")
    assert again.statuses == {"slow.jpg": "failed", "a.jpg": "current"}
    (tried,) = (row for row in again.rows if row["error"])
    assert tried["error"] == error, "it was tried again"
