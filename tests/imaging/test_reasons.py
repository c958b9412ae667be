"""What is said of each kind of picture that is not read: a row for every reason in the code."""

from __future__ import annotations

import ast
import gzip
import io
import re
import struct
import zlib
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest
from PIL import Image
from support import jxl_files, tiff_files
from support.bombs import chunk
from support.floods import box
from support.pictures import quarters
from support.project import PROJECT, TESTS
from support.tiff_files import Kind

from thumbnailer import PictureError, make_thumbnail
from thumbnailer.formats import ON_REQUEST

SIZE = (64, 48)
GREY, FLOAT = [[[0.5]] * 8] * 8, 3


def saved(format: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    quarters(SIZE).save(buffer, format, **options)
    return buffer.getvalue()


def jpeg(at: int, new: bytes) -> bytes:
    """A JPEG whose frame header says something else: its marker is at 0, its fields begin at 4."""
    data = saved("JPEG")
    start = data.index(b"\xff\xc0") + at
    return data[:start] + new + data[start + len(new) :]


def png(*before: bytes, kind: int = 2) -> bytes:
    """A PNG of a colour type, without pixels, and chunks before its header."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", *SIZE, 8, kind, 0, 0, 0))
    pixels = chunk(b"IDAT", bytes(9))
    return b"\x89PNG\r\n\x1a\n" + b"".join(before) + head + pixels + chunk(b"IEND", b"")


def bmp(length: int, bits: int, compression: int) -> bytes:
    fields = struct.pack("<IiiHHIIiiII", length, *SIZE, 1, bits, compression, *[0] * 5)
    head = fields[:length].ljust(length, b"\0")
    return b"BM" + struct.pack("<IHHI", 3000, 0, 0, 14 + length) + head + bytes(3000)


def psd(kind: int = 3, depth: int = 8, compression: int = 0, *, merged: bool = True) -> bytes:
    """A Photoshop document of three black channels, and of one layer if it is not merged."""
    head = b"8BPS\0\1" + bytes(6) + struct.pack(">HIIHH", 3, *SIZE[::-1], depth, kind)
    version = b"8BIM" + struct.pack(">HHI", 1057, 0, 5) + b"\0\0\0\1\0\0"
    layer = struct.pack(">h4iH", 1, 0, 0, 8, 8, 0) + b"8BIMnorm\xff\0\0\0" + bytes(4)
    sections = [b"", b"", b""] if merged else [b"", version, block(layer)]
    rest = struct.pack(">H", compression) + bytes(3 * SIZE[0] * SIZE[1])
    return head + b"".join(map(block, sections)) + rest


def block(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


def jpeg2000(*channels: tuple[int, int]) -> bytes:
    """A JPEG 2000 that says of its channels how many bits they have, and what is their step."""
    stated = b"".join(struct.pack("BBB", bits - 1, step, step) for bits, step in channels)
    return saved("JPEG2000").replace(b"\x07\x01\x01" * 3, stated)


def jpeg2000_with_palette() -> bytes:
    """One of 16 bits: ISO/IEC 15444-1, I.5.3.4."""
    plain = io.BytesIO()
    Image.new("L", (16, 16)).save(plain, "JPEG2000", no_jp2=True)
    inner = box(b"ihdr", struct.pack(">IIHBBBB", 16, 16, 1, 7, 7, 0, 0))
    inner += box(b"colr", struct.pack(">BBBI", 1, 0, 0, 16))
    inner += box(b"pclr", struct.pack(">HB", 1, 3) + bytes([15] * 3) + bytes(6))
    inner += box(b"cmap", b"".join(struct.pack(">HBB", 0, 1, channel) for channel in range(3)))
    start = box(b"jP  ", b"\r\n\x87\n") + box(b"ftyp", b"jp2 \0\0\0\0jp2 ")
    return start + box(b"jp2h", inner) + box(b"jp2c", plain.getvalue())


def avif(width: int, height: int) -> bytes:
    """One that states another size than it has: ISO/IEC 23008-12, 6.5.3."""
    data = saved("AVIF", speed=10)
    return data.replace(struct.pack(">II", *SIZE), struct.pack(">II", width, height), 1)


def of_frames(brand: bytes) -> bytes:
    return box(b"ftyp", brand, bytes(4)) + box(b"moov", box(b"trak"))


def svg(content: str, attributes: str = "") -> bytes:
    return f'<svg xmlns="http://www.w3.org/2000/svg"{attributes}>{content}'.encode()


def broken_gzip(data: bytes) -> bytes:
    """Compressed data, and then a block of a kind that there is not (RFC 1951, 3.2.3)."""
    packer = zlib.compressobj(0, wbits=31)
    return packer.compress(data) + packer.flush(zlib.Z_FULL_FLUSH) + b"\xff" * 99


NOT_READ = ", which is not read here"
NO_FORMAT = ", no format that is read here"
DAMAGED = ", but its header is damaged"

# The reason → the file of which it is given.
ALWAYS = {
    "is a JPEG of 12 bits a channel" + NOT_READ: jpeg(4, b"\x0c"),
    "is a JPEG whose height comes after its pixels (DNL)" + NOT_READ: jpeg(5, b"\0\0"),
    "is a lossless JPEG" + NOT_READ: jpeg(0, b"\xff\xc3"),
    "is a hierarchical JPEG" + NOT_READ: jpeg(0, b"\xff\xc5"),
    "is a JPEG-LS picture" + NOT_READ: jpeg(0, b"\xff\xf7"),
    "is a PNG of Apple's own kind (CgBI)" + NOT_READ: png(chunk(b"CgBI", b"P\0 \2")),
    "damaged: its palette is missing": png(kind=3),
    "is a BMP that holds a JPEG" + NOT_READ: bmp(40, 0, 4),
    "is a BMP that holds a PNG" + NOT_READ: bmp(40, 0, 5),
    "is a fax-coded BMP of OS/2" + NOT_READ: bmp(64, 1, 3),
    "is a run-length-coded BMP of OS/2" + NOT_READ: bmp(64, 24, 4),
    "is a BMP of 64 bits a pixel" + NOT_READ: bmp(40, 64, 0),
    "is a BMP with a header of 48 bytes" + NOT_READ: bmp(48, 24, 0),
    "is an AVIF of 40000 x 100 px: 32768 at most are read here": avif(40_000, 100),
    "is a TIFF of 64-bit floating-point grey" + NOT_READ: tiff_files.picture(GREY, Kind(64, FLOAT)),
    "is a big-endian BigTIFF of 64-bit floating-point grey" + NOT_READ: tiff_files.picture(
        GREY, Kind(64, FLOAT, big=True, order=">")
    ),
    "begins like PNG" + DAMAGED: b"\x89PNG\r\n\x1a\n" + b"\xff" * 100,
    "truncated: begins like JPEG, but ends early": saved("JPEG")[:99],
    "is a PDF document" + NO_FORMAT: b"%PDF-1.7\n",
    "is a PostScript document" + NO_FORMAT: b"%!PS-Adobe-3.0 EPSF-3.0\n",
    "is a ZIP archive" + NO_FORMAT: b"PK\x03\x04",
    "is gzip-compressed data" + NO_FORMAT: gzip.compress(b"text", mtime=0),
    "is a large Photoshop document" + NO_FORMAT: b"8BPS\0\2" + bytes(99),
    "is an OS/2 icon" + NO_FORMAT: b"BA" + bytes(12) + b"CI" + bytes(99),
    "is a video or another ISO media file" + NO_FORMAT: b"\0\0\0\x18ftypmp42",
    "is an XML document" + NO_FORMAT: b"<?xml version='1.0'?><kml/>",
    "is a web page, no picture": b"<!DOCTYPE html><html>",
    "is text, no picture": b"hello world\n",
    "is blank (zero bytes only)": bytes(1000),
    "is empty": b"",
    "is no picture of a format that is read here": b"\x12\x93\xff" * 99,
    "is an ICO icon, which is read with --also ico": saved("ICO"),
    "is a JPEG 2000 picture, which is read with --also jpeg2000": saved("JPEG2000"),
    "is a PPM picture, which is read with --also ppm": saved("PPM"),
    "is a Photoshop document, which is read with --also psd": psd(),
    "is a TGA picture, which is read with --also tga": saved("TGA"),
}
ON_REQUEST_ONLY = {
    "is a Photoshop document of separate inks" + NOT_READ: psd(7),
    "is a Photoshop document of 16 or 32 bits a channel" + NOT_READ: psd(depth=16),
    "is a Photoshop document compressed with ZIP" + NOT_READ: psd(compression=2),
    "is a Photoshop document saved without its merged picture, which alone is read here": psd(
        merged=False
    ),
    "is a JPEG 2000 picture of 20 bits a channel" + NOT_READ: jpeg2000(*[(20, 1)] * 3),
    "is a JPEG 2000 picture of 16-bit YCbCr" + NOT_READ: jpeg2000((16, 1), (16, 2), (16, 2)),
    "is a JPEG 2000 picture with a palette of other colours" + NOT_READ: jpeg2000_with_palette(),
}
# The same by the module that has to be installed.
BY_EXTRA = {
    "pillow_heif": {
        "is a HEIF of frames only" + NOT_READ: of_frames(b"hevc"),
        "truncated: begins like a HEIC picture, but ends early": b"\0\0\0\x18ftypheic",
        "truncated: begins like a HEIF picture, but ends early": b"\0\0\0\x18ftypmif1",
    },
    "pylibjxl": {
        "is an animated JPEG XL picture" + NOT_READ: jxl_files.header(SIZE, animated=True),
        "is a JPEG XL picture in CMYK" + NOT_READ: jxl_files.header(
            SIZE, channels=((jxl_files.BLACK, False),)
        ),
        "begins like a JPEG XL picture" + DAMAGED: jxl_files.header(SIZE, space=3) + bytes(99),
    },
    "rawpy": {"is a camera's raw picture of a kind that is not read here": b"FOVb" + bytes(999)},
    "pyvips": {
        "is an SVG drawing that states a size which can't be drawn": svg("</svg>", ' width="0"'),
        "is an SVG drawing that uses an entity which it does not define": svg("&a;</svg>"),
        "damaged: its XML makes no sense": svg("<g></svg>"),
        "damaged: its gzip data make no sense": broken_gzip(svg(" " * 9000)),
        "truncated: the end of the file is missing": svg("<g>"),
    },
}
ROWS = ALWAYS | ON_REQUEST_ONLY
for rows in BY_EXTRA.values():
    ROWS |= rows

# Reasons, as they are written in the code, that take more than a file → the test that has them, and
# its words.
ELSEWHERE = {
    "a HEIC picture coded in one piece of more than .+ MiB": ("heif", "of more than 16 MiB"),
    "is a camera's raw picture .+": ("raw", "is a camera's raw picture in a coding"),
    ".+: holds a picture that can't be decoded": ("svg", "holds a picture that can't be decoded"),
    "is an SVG drawing, which is read after .+": ("svg", "which is read after"),
    "is .+, which is read after .+": ("tiff", "which is read after"),
}


def needs(module: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(not find_spec(module), reason=f"needs {module}")


@pytest.mark.parametrize(
    ("reason", "also"),
    [
        *((reason, ()) for reason in ALWAYS),
        *((reason, ON_REQUEST) for reason in ON_REQUEST_ONLY),
        *(
            pytest.param(reason, ON_REQUEST, marks=needs(module))
            for module, reasons in BY_EXTRA.items()
            for reason in reasons
        ),
    ],
)
def test_it_is_said_what_a_file_is(tmp_path: Path, reason: str, also: tuple[str, ...]) -> None:
    (tmp_path / "a.jpg").write_bytes(ROWS[reason])
    with pytest.raises(PictureError) as caught:
        make_thumbnail(tmp_path / "a.jpg", tmp_path / "out.png", also=also)
    assert caught.value.reason == reason


def text_of(node: ast.AST | None) -> str:
    """A text in the code as a regular expression, in which anything stands for what it fills in."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return re.escape(node.value).replace(r"\ ", " ").replace(r"\-", "-")
    if isinstance(node, ast.JoinedStr):
        return "".join(text_of(value) or ".+" for value in node.values)
    return ""


@cache
def texts_in_code() -> frozenset[str]:
    """The reasons that code has for what is not read, and its words for kinds of pictures."""
    return frozenset(filter(None, _texts()))


def _texts() -> Iterator[str]:
    for path in (PROJECT / "thumbnailer" / "imaging").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args:
                if node.func.id in ("NoPictureError", "MissingExtraError", "unread"):
                    yield text_of(node.args[0])
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                if node.func.attr == "fromkeys" and len(node.args) > 1:
                    yield from filter(re.compile("an? ").match, [text_of(node.args[1])])
            elif isinstance(node, ast.FunctionDef) and "unread" in node.name:
                yield from (text_of(n.value) for n in ast.walk(node) if isinstance(n, ast.Return))
            elif isinstance(node, ast.Dict):
                yield from (text for text in map(text_of, node.values) if re.match("an? ", text))


def test_every_reason_in_the_code_has_a_row() -> None:
    texts = texts_in_code()
    assert len(texts) > 50, "they are found"
    without = {text for text in texts if not any(re.search(text, reason) for reason in ROWS)}
    assert without <= {*ELSEWHERE}


@pytest.mark.parametrize("text", ELSEWHERE)
def test_what_has_its_row_elsewhere_is_there(text: str) -> None:
    name, words = ELSEWHERE[text]
    assert text in texts_in_code()
    test = TESTS / "imaging" / "formats" / f"test_{name}.py"
    assert words in test.read_text("utf-8")
