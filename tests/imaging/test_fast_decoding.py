"""PNG and WebP pictures that are decoded faster than by Pillow, to the same thumbnails.

WebP always, PNG with the extra `png`, once it pays.
"""

from __future__ import annotations

import random
import struct
import subprocess
import sys
import zlib
from functools import cache
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw
from support.marks import needs_proc
from support.program import make, thumbnailer
from support.project import SUNSET
from support.thumbs import difference, thumb

from thumbnailer import PictureError
from thumbnailer.imaging.colour.profiles import ADOBE_GAMMA, ADOBE_RGB, profile_bytes
from thumbnailer.imaging.decode.fast import decode
from thumbnailer.imaging.decode.fast.libwebp import find_decoder

SIZE = (1403, 1001)  # which nothing divides
FORMATS = [
    pytest.param(
        "png", marks=pytest.mark.skipif(not find_spec("kornia_rs"), reason="needs the extra png")
    ),
    pytest.param(
        "webp", marks=pytest.mark.skipif(not find_decoder(), reason="needs Pillow's libwebp")
    ),
]


@pytest.fixture(autouse=True)
def pays(monkeypatch: pytest.MonkeyPatch) -> None:
    """One PNG is as many as it takes, until a test says how many it takes."""
    monkeypatch.setattr("thumbnailer.imaging.decode.fast.png._pixels_met", 6_000_000)


@pytest.fixture
def in_use(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What is decoded faster, None for what is left to Pillow."""
    seen: list[object] = []
    plain = decode.decode_fast

    def watched(*arguments: Any) -> object:
        seen.append(plain(*arguments))
        return seen[-1]

    monkeypatch.setattr("thumbnailer.render.steps.decode_fast", watched)
    return seen


def without(monkeypatch: pytest.MonkeyPatch, source: Path, **options: Any) -> Image.Image:
    with monkeypatch.context() as patched:
        patched.setattr("thumbnailer.render.steps.decode_fast", lambda *_: None)
        return thumb(source, **options)


def sunset(mode: str = "RGB", size: tuple[int, int] = SIZE) -> Image.Image:
    with Image.open(SUNSET) as image:
        picture = image.resize(size).convert(mode.removesuffix("A"))
    if mode.endswith("A"):
        alpha = Image.new("L", size)
        ImageDraw.Draw(alpha).ellipse((20, 30, size[0] - 90, size[1] - 11), 255)
        picture.putalpha(alpha)
    return picture


def chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    """Kind and contents of each part of a PNG."""
    found, at = [], 8
    while at < len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        found.append((kind, data[at + 8 : at + 8 + length]))
        at += 12 + length
    return found


def png_of(parts: list[tuple[bytes, bytes]]) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content)) + part + struct.pack(">I", zlib.crc32(part))
        for kind, content in parts
        for part in (kind + content,)
    )


@pytest.mark.parametrize(
    "options",
    [
        {"size": 100},
        {"size": 333},
        {"size": (120, 50), "fit": "cover"},
        {"size": (90, 120), "fit": "pad"},
        {"size": (150, 40), "fit": "fill"},
        {"size": 300, "sharpen": True},
    ],
    ids=str,
)
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA"])
@pytest.mark.parametrize("ending", FORMATS)
@pytest.mark.few(1)
def test_thumbnails_are_as_without(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    in_use: list[object],
    ending: str,
    mode: str,
    options: dict[str, Any],
) -> None:
    source = tmp_path / f"a.{ending}"
    sunset(mode).save(source)
    fast, plain = thumb(source, **options), without(monkeypatch, source, **options)
    assert [used is not None for used in in_use] == [(ending, mode) != ("png", "LA")]
    mean, most = difference(fast, plain)
    if mode.endswith("A") or ending == "png":
        assert most == 0
    else:
        assert mean < 1
        assert most < 40


@pytest.mark.parametrize("ending", FORMATS)
@pytest.mark.parametrize("size", [75, 200])
@pytest.mark.parametrize("fit", ["contain", "cover"])
@pytest.mark.few(3)
def test_a_picture_of_any_width_keeps_its_shape(
    tmp_path: Path, in_use: list[object], ending: str, size: int, fit: str
) -> None:
    """Whatever was rounded where it was scaled while it was decoded."""
    judge = pytest.importorskip("support.similarity", reason="needs numpy")
    image = Image.new("RGB", (1003, 1003), "white")
    for at in range(0, 1003, 32):
        ImageDraw.Draw(image).rectangle((at, 0, at + 15, 1003), "black")
    image.save(tmp_path / f"a.{ending}")
    made = thumb(tmp_path / f"a.{ending}", size=size, fit=fit)
    assert in_use[0] is not None
    assert judge.ssim(made, judge.reference(image, made.size)) > 0.99


@pytest.mark.parametrize("ending", FORMATS)
@pytest.mark.parametrize(
    "options", [{}, {"lossless": True, "method": 0}], ids=["lossy", "lossless"]
)
@pytest.mark.parametrize("size", [75, 256, 700])
@pytest.mark.few(2)
def test_a_sample_comes_out_as_by_one_step(
    tmp_path: Path, in_use: list[object], ending: str, options: dict[str, Any], size: int
) -> None:
    judge = pytest.importorskip("support.similarity", reason="needs numpy")
    sunset(size=(2000, 1500)).save(tmp_path / f"a.{ending}", quality=95, **options)
    made = thumb(tmp_path / f"a.{ending}", size=size)
    assert in_use[0] is not None
    with Image.open(tmp_path / f"a.{ending}") as image:
        assert judge.ssim(made, judge.reference(image, made.size)) >= 0.997


@pytest.mark.parametrize("ending", FORMATS)
@pytest.mark.few(1)
def test_the_colour_profile_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    profile = profile_bytes(ADOBE_RGB, ADOBE_GAMMA)
    sunset().save(tmp_path / f"a.{ending}", icc_profile=profile)
    sunset().save(tmp_path / f"plain.{ending}")
    source = tmp_path / f"a.{ending}"
    fast, plain = thumb(source, size=100), without(monkeypatch, source, size=100)
    assert difference(fast, plain)[0] < 1
    assert difference(fast, thumb(tmp_path / f"plain.{ending}", size=100))[0] > 2
    assert thumb(source, size=100, keep=("icc",)).info["icc_profile"] == profile


def exif(orientation: int) -> bytes:
    block = Image.Exif()
    block[0x0112], block[0x8298] = orientation, "me"
    return block.tobytes()


@pytest.mark.parametrize("ending", FORMATS)
@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.few(1)
def test_every_orientation_comes_out_upright(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    in_use: list[object],
    ending: str,
    orientation: int,
) -> None:
    source = tmp_path / f"a.{ending}"
    sunset().save(source, exif=exif(orientation))
    options: dict[str, Any] = {"size": (200, 100), "keep": ("copyright",)}
    fast, plain = thumb(source, **options), without(monkeypatch, source, **options)
    assert [used is not None for used in in_use] == [True]
    assert difference(fast, plain)[0] < 1
    assert fast.getexif() == plain.getexif() != {}


def test_what_a_png_says_after_its_pixels_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_use: list[object]
) -> None:
    buffer, source = BytesIO(), tmp_path / "a.png"
    sunset().save(buffer, "png")
    *parts, end = chunks(buffer.getvalue())
    source.write_bytes(png_of([*parts, (b"eXIf", exif(6).removeprefix(b"Exif\0\0")), end]))
    assert thumb(source, size=100).tobytes() == without(monkeypatch, source, size=100).tobytes()
    assert thumb(source, size=100).size == (71, 100)
    assert in_use == [None] * 2


@pytest.mark.parametrize(
    ("mode", "name", "options"),
    [
        ("P", "a.png", {}),
        ("1", "a.png", {}),
        ("I;16", "a.png", {}),
        ("RGB", "a.png", {"transparency": (0, 0, 0)}),
        ("L", "a.png", {"transparency": 0}),
        ("RGB", "a.png", {"save_all": True, "append_images": [Image.new("RGB", SIZE)]}),
        ("RGB", "a.webp", {"save_all": True, "append_images": [Image.new("RGB", SIZE)]}),
    ],
)
@pytest.mark.few(1)
def test_what_is_unusual_is_left_to_pillow(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    in_use: list[object],
    mode: str,
    name: str,
    options: dict[str, Any],
) -> None:
    source = tmp_path / name
    sunset(mode).save(source, **options)
    assert thumb(source, size=99).tobytes() == without(monkeypatch, source, size=99).tobytes()
    assert in_use == [None]


@pytest.mark.parametrize("format", ["webp", "gif"])
@pytest.mark.parametrize("ending", FORMATS)
@pytest.mark.few(1)
def test_animations_go_on_moving(tmp_path: Path, ending: str, format: str) -> None:
    frames = [sunset(), sunset().rotate(180)]
    source = tmp_path / f"a.{ending}"
    frames[0].save(source, save_all=True, append_images=frames[1:], duration=100)
    thumbnail = tmp_path / "thumbs" / f"a.{ending}.{format}"
    assert make(source, "--animated", "-f", format, "-s", "100").code == 0
    with Image.open(next(thumbnail.parent.glob(f"a*.{format}"))) as image:
        assert getattr(image, "n_frames", 1) == 2


def damaged(kind: str, data: bytes) -> bytes:
    if kind.startswith("cut"):
        return data[: len(data) * int(kind.split()[1]) // 100]
    if kind == "without end":
        return data[:-12]
    if kind.startswith("flipped"):
        at = len(data) * int(kind.split()[1]) // 100
        return data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]
    if kind == "zeros":
        return data[: len(data) // 2] + bytes(len(data) - len(data) // 2)
    if kind == "shifted":  # the last of the pixels lie in what follows them
        return data[: len(data) // 2] + b"more than was" + data[len(data) // 2 :]
    assert kind == "followed"
    return data + b"something else" * 1000


DAMAGE = ["cut 3", "cut 30", "cut 95", "cut 99", "without end", "zeros", "followed", "shifted"] + [
    f"flipped {at}" for at in (2, 10, 25, 50, 75, 98)
]


@cache
def encoded(name: str) -> bytes:
    buffer, options = BytesIO(), {"lossless": True, "method": 0} if "lossless" in name else {}
    picture = sunset("RGBA" if "alpha" in name else "RGB")
    picture.save(buffer, name.partition(".")[2], exif=exif(1), **options)
    return buffer.getvalue()


def outcome(source: Path, **options: Any) -> str | bytes:
    try:
        return thumb(source, **{"size": 50, **options}).tobytes()
    except PictureError as error:
        return str(error)


@pytest.mark.parametrize("truncated", ["fail", "keep"])
@pytest.mark.parametrize("kind", DAMAGE)
@pytest.mark.parametrize(
    "name", ["a.png", "alpha.png", "a.webp", "alpha.webp", "lossless.webp", "lossless-alpha.webp"]
)
@pytest.mark.few(1)
def test_damage_is_told_as_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, kind: str, truncated: str
) -> None:
    source = tmp_path / name
    source.write_bytes(damaged(kind, encoded(name)))
    # Mistakes make noise of lossless ones, which is only alike at full size.
    options: dict[str, Any] = {"truncated": truncated, "size": 900 if "lossless" in name else 50}
    fast = outcome(source, **options)
    with monkeypatch.context() as patched:
        patched.setattr("thumbnailer.render.steps.decode_fast", lambda *_: None)
        plain = outcome(source, **options)
    assert type(fast) is type(plain)
    if isinstance(plain, str):
        assert fast == plain
    else:
        assert isinstance(fast, bytes)
        assert len(fast) == len(plain)
        assert sum(abs(a - b) for a, b in zip(fast, plain, strict=True)) / len(fast) < 2


def test_alpha_that_the_header_of_a_webp_denies_is_left_out(tmp_path: Path) -> None:
    data, source = bytearray(encoded("alpha.webp")), tmp_path / "a.webp"
    data[20] ^= 0x10
    source.write_bytes(data)
    made = thumb(source, size=50, format="png").convert("RGBA")
    assert made.getchannel("A").getextrema() == (255, 255)


def mutated(chance: random.Random) -> bytes:
    """A small WebP of any kind with a few mistakes in it."""
    picture, buffer = sunset(size=(chance.randint(1, 90), chance.randint(1, 90))), BytesIO()
    if chance.random() < 0.5:
        picture.putalpha(picture.getchannel("R"))
    options: dict[str, Any] = {"exact": True, "lossless": chance.random() < 0.5}
    picture.save(buffer, "webp", **options, exif=chance.choice((b"", exif(3))))
    data = bytearray(buffer.getvalue())
    for _ in range(chance.randint(0, 3)):
        at = chance.randrange(12, len(data))
        new = chance.choice((chance.randbytes(1), struct.pack("<4sI", b"ALPH", 4), bytes(8)))
        data[at : at + chance.choice((0, len(new)))] = new
    return bytes(data[: chance.choice((len(data), len(data), chance.randrange(len(data))))])


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_webps_with_mistakes_fare_as_with_pillow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """At their full size to the last pixel."""
    chance, source = random.Random(seed), tmp_path / "a.webp"
    for _ in range(500):
        source.write_bytes(mutated(chance))
        fast = outcome(source, size=90)
        with monkeypatch.context() as patched:
            patched.setattr("thumbnailer.render.steps.decode_fast", lambda *_: None)
            assert fast == outcome(source, size=90)


@pytest.mark.parametrize(
    "change",
    ["few rows", "many rows", "bad filter", "empty pieces", "no pixels", "wrong sum"],
)
@pytest.mark.few(1)
def test_pngs_that_lie_fare_as_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    buffer, source = BytesIO(), tmp_path / "a.png"
    sunset().save(buffer, "png")
    head = chunks(buffer.getvalue())[0]
    rows = [bytes([0]) + bytes([y % 256]) * 3 * SIZE[0] for y in range(SIZE[1])]
    if change == "few rows":
        rows = rows[:700]
    if change == "many rows":
        rows *= 3
    if change == "bad filter":
        rows[700] = b"\x09" + rows[700][1:]
    data = zlib.compress(b"".join(rows))
    pieces = {"no pixels": [b""], "empty pieces": [b""] * 50_000 + [data]}.get(change, [data])
    if change == "wrong sum":
        pieces = [data[:-4] + b"\0\0\0\0"]
    source.write_bytes(png_of([head, *((b"IDAT", piece) for piece in pieces), (b"IEND", b"")]))
    fast = outcome(source)
    with monkeypatch.context() as patched:
        patched.setattr("thumbnailer.render.steps.decode_fast", lambda *_: None)
        plain = outcome(source)
    assert isinstance(fast, str) == isinstance(plain, str)
    if isinstance(plain, str):
        assert fast == plain


def test_limits_come_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(*_: object) -> None:
        raise AssertionError("was asked")

    monkeypatch.setattr("thumbnailer.render.steps.decode_fast", nothing)
    for name in ("a.png", "a.webp"):
        sunset("L", (2001, 2000)).save(tmp_path / name)
        with pytest.raises(PictureError, match="4 megapixels: more than the limit of 4 "):
            thumb(tmp_path / name, max_pixels=4_000_000)


@pytest.mark.skipif(not find_decoder(), reason="needs Pillow's libwebp")
def test_explain_says_at_what_size_a_picture_is_decoded(tmp_path: Path) -> None:
    sunset(size=(1600, 1200)).save(tmp_path / "a.webp")
    said = thumbnailer("explain", tmp_path / "a.webp", "--size", "200").out
    assert "  decoded at 450 x 338 px\n" in said


@pytest.mark.skipif(not find_spec("kornia_rs"), reason="needs the extra png")
def test_few_small_pngs_do_not_load_another_decoder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_use: list[object]
) -> None:
    """It takes as long as it saves in 6 megapixels."""
    monkeypatch.setattr("thumbnailer.imaging.decode.fast.png._pixels_met", 0)
    sunset().save(tmp_path / "a.png")
    made = [thumb(tmp_path / "a.png", size=100).tobytes() for _ in range(6)]
    assert len({*made}) == 1
    assert [used is not None for used in in_use] == [False] * 4 + [True] * 2


# How many threads there are once a PNG was decoded, and once NumPy was imported alone.
PNG_THREADS = """
import os, sys, thumbnailer
from thumbnailer.imaging.decode.fast import png

if sys.argv[1:]:
    png._pixels_met = 6_000_000
    thumbnailer.make_thumbnail(*sys.argv[1:])
    assert "kornia_rs" in sys.modules
import numpy
print(len(os.listdir("/proc/self/task")))
"""


@pytest.mark.skipif(not find_spec("kornia_rs"), reason="needs the extra png")
@needs_proc
def test_the_callers_numpy_has_as_many_threads_as_it_would_have(tmp_path: Path) -> None:
    sunset().save(tmp_path / "a.png")
    numbers = [
        subprocess.run([sys.executable, "-c", PNG_THREADS, *words], check=True, capture_output=True)
        for words in ([], [str(tmp_path / "a.png"), str(tmp_path / "b.jpg")])
    ]
    assert numbers[0].stdout == numbers[1].stdout


@pytest.mark.slow
def test_workers_use_it_in_their_sandbox(photos: Path, tmp_path: Path) -> None:
    sandbox = "require" if sys.platform == "linux" and find_spec("landlockpy") else "auto"
    for ending in ("png", "webp"):
        sunset(size=(2901, 2101)).save(photos / f"a.{ending}")
    run = make(photos, "--sandbox", sandbox, "--format", "png", "--size", "100", "-j", "1")
    assert run.statuses == {"a.png": "made", "a.webp": "made"}
    for ending in ("png", "webp"):
        (tmp_path / f"a.{ending}").write_bytes((photos / f"a.{ending}").read_bytes())
        here = thumb(tmp_path / f"a.{ending}", size=100)
        (there,) = (photos / "thumbs").glob("a.png" if ending == "png" else "a.webp.png")
        with Image.open(there) as image:
            assert image.tobytes() == here.tobytes()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs Linux")
@pytest.mark.slow
def test_a_worker_that_has_used_it_has_room_for_the_largest_picture(photos: Path) -> None:
    sunset().save(photos / "a.png")
    sunset(size=(2401, 1801)).save(photos / "b.webp")
    sunset("RGBA", (4000, 3000)).save(photos / "c.png", compress_level=1)
    needed = 4000 * 3000 * 11 // (1 << 20) + 24  # with what Python wants for itself
    assert make(photos, "--worker-memory", str(needed), "-s", "2000", "-j", "1").code == 0


def test_nothing_of_it_is_said(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    buffer, source = BytesIO(), tmp_path / "a.png"
    sunset().save(buffer, "png")
    source.write_bytes(damaged("flipped 50", buffer.getvalue()))
    outcome(source)
    assert capfd.readouterr() == ("", "")
