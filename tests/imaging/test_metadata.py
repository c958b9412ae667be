"""What stays of a picture's metadata: nothing, or what was asked for and no more."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import pytest
from PIL import ExifTags, Image, PngImagePlugin
from support.bombs import PNG, chunk
from support.pictures import picture
from support.program import make

from thumbnailer import make_thumbnail

Base, GPS, IFD = ExifTags.Base, ExifTags.GPS, ExifTags.IFD

SOURCES = ("jpg", "png", "webp", "tif", "avif")
TARGETS = ("jpeg", "png", "webp", "avif")

MAIN: dict[int, Any] = {
    Base.Make: "SecretCamera",
    Base.Orientation: 3,
    Base.Artist: "Ann",
    Base.Copyright: "(c) Ann",
    Base.DateTime: "2026:01:02 03:04:05",
}
DETAILS: dict[int, Any] = {
    Base.DateTimeOriginal: "2026:01:02 03:04:06",
    Base.DateTimeDigitized: "2026:01:02 03:04:07",
    Base.OffsetTimeOriginal: "+02:00",
    Base.SubsecTimeOriginal: "123",
    Base.BodySerialNumber: "SecretNumber",
    Base.MakerNote: b"SecretNote" * 9,
}
PLACE: dict[int, Any] = {
    GPS.GPSVersionID: b"\2\3\0\0",
    GPS.GPSLatitudeRef: "N",
    GPS.GPSLatitude: (52.0, 31.0, 12.5),
    GPS.GPSAltitudeRef: b"\1",
    GPS.GPSProcessingMethod: b"ASCII\0\0\0GPS",
    GPS.GPSDateStamp: "2026:01:02",
}
DATES = (
    *(Base.DateTimeOriginal, Base.DateTimeDigitized),
    *(Base.OffsetTimeOriginal, Base.SubsecTimeOriginal),
)


def full() -> Image.Exif:
    exif = Image.Exif()
    exif.update(MAIN)
    exif.get_ifd(IFD.Exif).update(DETAILS)
    exif.get_ifd(IFD.GPSInfo).update(PLACE)
    again = Image.Exif()  # with the directories at their places, which a TIFF needs
    again.load(exif.tobytes())
    return again


def kept(source: Path, keep: tuple[str, ...], format: str = "jpeg") -> dict[int, dict[int, Any]]:
    """The tags in a thumbnail, by their directory: 0 is the first."""
    target = source.parent / "out"
    make_thumbnail(source, target, format=format, keep=keep)
    assert b"Secret" not in target.read_bytes()
    with Image.open(target) as image:
        exif = image.getexif()
        directories: dict[int, dict[int, Any]]
        directories = {directory: exif.get_ifd(directory) for directory in (IFD.Exif, IFD.GPSInfo)}
    directories[0] = {tag: value for tag, value in exif.items() if tag not in list(IFD)}
    return {directory: tags for directory, tags in directories.items() if tags}


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("ending", SOURCES)
def test_what_was_asked_for_stays_and_no_more(tmp_path: Path, ending: str, target: str) -> None:
    source = picture(tmp_path / f"a.{ending}", exif=full(), xmp=b"<Secret/>")
    assert kept(source, (), target) == {}
    owner: dict[int, Any] = {Base.Artist: "Ann", Base.Copyright: "(c) Ann"}
    assert kept(source, ("copyright",), target) == {0: owner}
    times: dict[int, Any] = {tag: DETAILS[tag] for tag in DATES}
    moment: dict[int, Any] = {0: {Base.DateTime: MAIN[Base.DateTime]}, IFD.Exif: times}
    assert kept(source, ("date",), target) == moment
    assert kept(source, ("gps",), target) == {IFD.GPSInfo: PLACE}
    every = kept(source, ("copyright", "date", "gps"), target)
    assert every == {0: owner | moment[0], IFD.Exif: times, IFD.GPSInfo: PLACE}


def test_the_command_line_keeps_it_too(photos: Path) -> None:
    picture(photos / "a.jpg", exif=full())
    make(photos, "--keep", "copyright,gps")
    with Image.open(photos / "thumbs" / "a.jpg") as image:
        assert image.getexif()[Base.Copyright] == "(c) Ann"
        assert image.getexif().get_ifd(IFD.GPSInfo) == PLACE
        assert Base.DateTime not in image.getexif()


def test_a_gif_can_not_hold_any(tmp_path: Path) -> None:
    source = picture(tmp_path / "a.jpg", exif=full())
    assert kept(source, ("copyright", "date", "gps", "icc"), "gif") == {}


def test_a_name_in_another_script_stays_as_it_is(tmp_path: Path) -> None:
    owner = "© Ægir Ño, 東京".encode()
    entry = struct.pack("<HHII", Base.Copyright, 2, len(owner) + 1, 26)
    block = b"II*\0\x08\0\0\0" + b"\1\0" + entry + bytes(4) + owner + b"\0"
    source = picture(tmp_path / "a.jpg", exif=b"Exif\0\0" + block)
    make_thumbnail(source, tmp_path / "out.jpg", keep=("copyright",))
    assert owner in (tmp_path / "out.jpg").read_bytes()


@pytest.mark.parametrize("late", [False, True])
def test_a_png_may_tell_before_or_after_its_pixels(tmp_path: Path, late: bool) -> None:
    data = picture(tmp_path / "a.png").read_bytes()
    told = chunk(b"eXIf", full().tobytes()[6:])
    place = data.index(b"IEND" if late else b"IDAT") - 4
    (tmp_path / "a.png").write_bytes(data[:place] + told + data[place:])
    assert data.startswith(PNG)
    assert kept(tmp_path / "a.png", ("gps",)) == {IFD.GPSInfo: PLACE}


def test_a_png_may_tell_as_imagemagick_does(tmp_path: Path) -> None:
    block = full().tobytes()
    text = PngImagePlugin.PngInfo()
    text.add_text("Raw profile type exif", f"\nexif\n    {len(block)}\n{block.hex()}\n", zip=True)
    source = picture(tmp_path / "a.png", pnginfo=text)
    assert kept(source, ("gps",)) == {IFD.GPSInfo: PLACE}


def directory(*entries: tuple[int, int, int, int]) -> bytes:
    """A block of one directory: tag, type, number of values, and the value or its place."""
    table = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(entries)) + table + bytes(4)


BROKEN = {
    "nothing": b"",
    "noise": b"no EXIF at all",
    "no directory": b"II*\0\x08\0\0\0",
    "a directory beyond the end": b"MM\0*\x7f\xff\xff\xff",
    "a directory that ends early": b"II*\0\x08\0\0\0\xff\xff",
    "a value beyond the end": directory((Base.Copyright, 2, 9, 1 << 31)),
    "a value of no length": directory((Base.Copyright, 2, 0, 8)),
    "a value of 4 GB": directory((Base.Copyright, 2, (1 << 32) - 1, 8)),
    "a type that there is not": directory((Base.Copyright, 99, 4, 8)),
    "a place that is no place": directory((IFD.GPSInfo, 2, 4, 8), (GPS.GPSStatus, 2, 2, 65)),
    "a place beyond the end": directory((IFD.GPSInfo, 4, 1, 1 << 31)),
    "a long text": directory((Base.Copyright, 2, 5000, 8)) + b"Secret" * 1000,
}


@pytest.mark.parametrize("what", BROKEN)
@pytest.mark.parametrize("ending", ["jpg", "webp", "png"])
def test_what_makes_no_sense_is_left_out(tmp_path: Path, what: str, ending: str) -> None:
    source = picture(tmp_path / f"a.{ending}", exif=b"Exif\0\0" + BROKEN[what])
    assert kept(source, ("copyright", "date", "gps")) == {}


@pytest.mark.parametrize(
    "pointers",
    [
        [(IFD.GPSInfo, 4, 1, 8)],  # to where it stands itself
        [(IFD.Exif, 3, 1, 8)],
        [(IFD.Exif, 4, 1, 1 << 31), (IFD.GPSInfo, 4, 1, 1 << 31)],
    ],
)
def test_what_is_whole_beside_what_is_broken_stays(
    tmp_path: Path, pointers: list[tuple[int, int, int, int]]
) -> None:
    block = directory(
        (Base.Artist, 2, 4, int.from_bytes(b"Ann\0", "little")),
        (Base.Copyright, 2, 9, 1 << 31),
        (Base.Artist, 2, 5000, 8),
        *pointers,
    )
    source = picture(tmp_path / "a.jpg", exif=b"Exif\0\0" + block)
    assert kept(source, ("copyright", "date", "gps")) == {0: {Base.Artist: "Ann"}}


def test_it_fits_whatever_a_source_claims(tmp_path: Path) -> None:
    """All tags as long as they may be, again and again: a JPEG has room for 64 KiB."""
    tags = [Base.Artist, Base.Copyright, Base.DateTime, *range(100)] * 400
    entries = [(tag, 7, length, 8) for tag in sorted(tags) for length in (1400, 1401)]
    places = [(IFD.Exif, 4, 1, 8), (IFD.GPSInfo, 4, 1, 8)]
    block = directory(*entries[:60_000], *places)
    text = chunk(b"eXIf", block)
    data = picture(tmp_path / "a.png").read_bytes()
    (tmp_path / "a.png").write_bytes(data[:33] + text + data[33:])
    target = tmp_path / "out.jpg"
    made = make_thumbnail(tmp_path / "a.png", target, keep=("copyright", "date", "gps"))
    assert made.size_bytes > 20_000
    with Image.open(target) as image:
        assert len(image.info["exif"]) < 1 << 16


@pytest.mark.parametrize("target", TARGETS)
def test_what_is_kept_counts_towards_the_length(tmp_path: Path, target: str) -> None:
    source = picture(tmp_path / "a.png", (300, 200), exif=full())
    target_path = tmp_path / "out"
    plain = make_thumbnail(source, target_path, format=target).size_bytes
    options: dict[str, Any] = {"format": target, "keep": ("copyright", "date", "gps")}
    most = make_thumbnail(source, target_path, **options).size_bytes - 1
    assert plain < most
    assert make_thumbnail(source, target_path, max_bytes=most, **options).size_bytes <= most
    with Image.open(target_path) as image:
        assert image.getexif().get_ifd(IFD.GPSInfo) == PLACE
