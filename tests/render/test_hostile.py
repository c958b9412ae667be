"""Pictures made to harm, and pictures that harm befell: each is made, or fails in plain words."""

from __future__ import annotations

import io
import os
import random
import re
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from support.bombs import BOMBS, adam7
from support.pictures import noise, quarters
from support.program import Run, in_a_process, make

# What Pillow, its libraries and Python say, which means nothing to whoever has the pictures.
INNER_WORDS = (
    *("broken data stream", "decoder error", "unrecognized data stream", "struct", "unpack"),
    *("Error", "has no attribute", "out of range", "image file is truncated", "not processed"),
    *("cannot identify", "cannot load", "chunk", "buffer", "NoneType", "unsupported", "tile"),
    *("not enough image data", "IFD", "tag", "codec", "bytes", "driver", "TIFF file", "stream"),
)
STAGES = {"open", "limits", "decode"}


def check(run: Run) -> None:
    """What holds for any folder of pictures, whatever is in it."""
    assert run.err == ""
    for row in run.rows:
        assert row["status"] in ("made", "failed"), row
        if row["status"] == "failed":
            assert row["error"]["stage"] in STAGES, row
            reason = row["error"]["reason"]
            assert 7 < len(reason) < 120, row
            assert not [words for words in INNER_WORDS if words in reason], row


FRUGAL = """
import sys
from thumbnailer import PictureError, make_thumbnail
try:
    make_thumbnail(sys.argv[1], sys.argv[2])
    said = ""
except PictureError as error:
    said = error.reason
status = dict(line.split(":") for line in open("/proc/self/status"))
print(int(status["VmHWM"].split()[0]) // 1024, said)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.parametrize("name", BOMBS)
@pytest.mark.few(2)
def test_a_bomb_costs_little(tmp_path: Path, name: str) -> None:
    maker, said, most = BOMBS[name]
    (tmp_path / name).write_bytes(maker())
    command = [sys.executable, "-c", FRUGAL, str(tmp_path / name), str(tmp_path / "out.jpg")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    mebibytes, _, reason = done.stdout.strip("\n").partition(" ")
    assert reason.startswith(said)
    assert bool(reason) == bool(said)
    assert int(mebibytes) <= most


OTHERS = {
    "ps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(x) (w) file\n",
    "dos.eps": b"\xc5\xd0\xd3\xc6" + struct.pack("<6IH", 32, 40, 0, 0, 0, 0, 0xFFFF) + b"%!PS" * 9,
    "pdf": b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n",
    "svg": b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><image href="/"/></svg>',
    "html": b"<!DOCTYPE html><html><img src=x></html>",
    "mvg": b"push graphic-context\nviewbox 0 0 640 480\nimage over 0,0 0,0 'https://a.b/x'\npop\n",
    "msl": b'<?xml version="1.0"?><image><read filename="/etc/passwd"/></image>',
    "ico": b"\0\0\1\0\1\0\x10\x10\0\0\1\0\x20\0" + struct.pack("<II", 40, 22) + bytes(40),
    "wmf": b"\xd7\xcd\xc6\x9a\0\0" + struct.pack("<4hHIH", 0, 0, 99, 99, 96, 0, 0) + b"\1\0\t\0",
    "emf": struct.pack("<II8i", 1, 108, *range(8)) + b" EMF" + bytes(80),
    "fit": b"SIMPLE  =                    T" + b" " * 50,
    "xbm": b"#define im_width 16\n#define im_height 16\nstatic char im_bits[] = {\n0x00};\n",
}


def test_other_formats_fail_and_no_other_program_is_started(photos: Path, tmp_path: Path) -> None:
    mark, helpers = tmp_path / "started", tmp_path / "bin"
    helpers.mkdir()
    names = ["gs", "gswin32c", "djpeg", "convert", "magick", "rsvg-convert", "inkscape", "sh"]
    for name in names:
        (helpers / name).write_text(f"#!/bin/sh\necho {name} >> {mark}\n")
        (helpers / name).chmod(0o755)
    path = f"{helpers}{os.pathsep}{os.environ['PATH']}"
    subprocess.run(["gs"], env=os.environ | {"PATH": path}, check=True)
    assert mark.read_text() == "gs\n"  # the trap works
    mark.unlink()
    for kind, data in OTHERS.items():
        for ending in ("jpg", "png", "tif"):
            (photos / f"{kind}.{ending}").write_bytes(data)
    run = in_a_process("make", "--json", photos, PATH=path)
    assert run.summary["failed"] == run.summary["found"] == 3 * len(OTHERS)
    check(run)
    assert not mark.exists()


NOISE = Image.blend(noise((120, 90), 80).convert("RGB"), quarters((120, 90)), 0.7)

# How the pictures that are then mutated are made: ending and options.
KINDS: dict[str, dict[str, object]] = {
    "baseline.jpg": {},
    "progressive.jpg": {"progressive": True},
    "several.jpg": {"format": "MPO", "save_all": True, "append_images": [NOISE]},
    "colour.png": {},
    "palette.png": {"mode": "P"},
    "deep.png": {"mode": "I;16"},
    "animated.png": {"save_all": True, "append_images": [NOISE.rotate(180)]},
    "lossy.webp": {},
    "lossless.webp": {"lossless": True},
    "animated.webp": {"save_all": True, "append_images": [NOISE.rotate(180)]},
    "interlaced.gif": {},
    "plain.gif": {"interlace": 0},
    "plain.bmp": {},
    "palette.bmp": {"mode": "P"},
    "raw.tif": {},
    "lzw.tif": {"compression": "tiff_lzw"},
    "packbits.tif": {"compression": "packbits"},
    "deflate.tif": {"compression": "tiff_adobe_deflate"},
    "jpeg.tif": {"compression": "jpeg"},
    "fax.tif": {"mode": "1", "compression": "group4"},
    "plain.avif": {"speed": 10},
}
# Those whose rows are decoded from the first to the last.
ROW_WISE = ["baseline.jpg", "colour.png", "palette.png", "interlaced.gif", "plain.gif", "plain.bmp"]


def encoded(name: str) -> bytes:
    options = dict(KINDS[name])
    format = str(options.pop("format", Image.registered_extensions()[f".{name.split('.')[1]}"]))
    mode = str(options.pop("mode", "RGB"))
    image = NOISE.convert("L").convert(mode) if mode == "I;16" else NOISE.convert(mode)
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def mutants(chance: random.Random, count: int) -> Iterator[tuple[str, bytes]]:
    """Damaged pictures with their names."""
    pictures = {name: encoded(name) for name in KINDS} | {"interlaced.png": adam7(NOISE)}
    for number in range(count):
        name = chance.choice(list(pictures))
        data, size = bytearray(pictures[name]), len(pictures[name])
        how = chance.choice(["flip", "cut", "splice", "inflate", "blank", "repeat"])
        at = chance.randrange(size)
        match how:
            case "flip":
                for _ in range(chance.randint(1, 20)):
                    data[chance.randrange(size)] ^= 1 << chance.randrange(8)
            case "cut":
                del data[at:]
            case "splice":
                other = pictures[chance.choice(list(pictures))]
                data[at:] = other[chance.randrange(len(other)) :]
            case "inflate":  # a number in the header
                width = chance.choice([1, 2, 4])
                at = chance.randrange(min(size, 300) - width)
                data[at : at + width] = chance.choice([b"\xff", b"\x7f", b"\0"]) * width
            case "blank":
                length = chance.randrange(1, 200)
                data[at : at + length] = bytes(len(data[at : at + length]))
            case "repeat":
                data[at:at] = data[at : at + chance.randrange(1, 500)]
        yield f"{number} {how} {name}", bytes(data)


@pytest.mark.parametrize(
    ("seed", "count"), [(1, 400), *(pytest.param(n, 2000, marks=pytest.mark.slow) for n in (2, 3))]
)
def test_damage_is_told_in_plain_words(photos: Path, seed: int, count: int) -> None:
    for name, data in mutants(random.Random(seed), count):
        (photos / name).write_bytes(data)
    run = make(photos)
    check(run)
    assert run.summary["made"] + run.summary["failed"] == count
    assert run.summary["failed"] > count / 4
    for row in run.rows:
        kind = row["source"].split()[-1]
        if row["status"] == "failed" and " cut " in row["source"]:
            assert row["error"]["reason"].startswith(
                ("truncated", "is empty", "is no picture")
            ) or ("tif" in kind), row
            if kind in ROW_WISE and row["error"]["stage"] == "decode":
                assert re.match(r"truncated at \d+ %", row["error"]["reason"]), row


def test_real_damage_is_told_in_plain_words(corpus: Path, tmp_path: Path) -> None:
    run = make(corpus / "hostile", "-o", tmp_path)
    check(run)
    assert sum("%" in row["error"]["reason"] for row in run.rows if row["error"]) > 30
