"""Files of millions of parts, or of parts that state the same data again and again, by name.

Each is as long as it takes to have more parts than are gone through, and shows a picture that would
be made but for them, where a decoder can tell.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable

from PIL import Image

from support.bombs import LONG, SHORT, chunk, gif, png, saved, tiff

MANY = 150_000  # more than the parts that are read


def with_segments(*segments: bytes) -> bytes:
    """A JPEG with more segments after its first two bytes."""
    data = saved((64, 48), "JPEG")
    return data[:2] + b"".join(segments) + data[2:]


def segment(marker: int, body: bytes = b"") -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body


def exif(entries: int, value_bytes: int, *, spread: bool = True, total: int = 0) -> bytes:
    """An EXIF block whose entries each state the bytes from its start on."""
    rows = b"".join(
        struct.pack("<HHII", 40_000 + at % 20_000 if spread else 40_000, 7, value_bytes, 8)
        for at in range(entries)
    )
    block = b"II*\0\x08\0\0\0" + struct.pack("<H", entries % 65_536) + rows + bytes(4)
    return block.ljust(total, b"\0")


def with_exif(block: bytes) -> bytes:
    """A JPEG with an EXIF block of any length, in as many segments as it takes."""
    parts = [block[at : at + 65_000] for at in range(0, len(block), 65_000)]
    return with_segments(*(segment(0xE1, b"Exif\0\0" + part) for part in parts))


def one_by_one(scans: int) -> bytes:
    """A JPEG in colour that is not progressive, with scans of its first colour only."""
    colour, grey = (saved((2000, 2000), "JPEG", mode) for mode in ("RGB", "L"))
    head = colour[: colour.index(b"\xff\xda")]
    return head + grey[grey.index(b"\xff\xda") : -2] * scans + b"\xff\xd9"


def riff(before: bytes = b"", after: bytes = b"", flags: int = 0) -> bytes:
    """A WebP with more chunks before and after its pixels."""
    pixels = saved((64, 48), "WEBP")[12:]
    sides = (63).to_bytes(3, "little") + (47).to_bytes(3, "little")
    head = b"VP8X" + struct.pack("<I", 10) + bytes([flags, 0, 0, 0]) + sides
    body = b"WEBP" + head + before + pixels + after
    return b"RIFF" + struct.pack("<I", len(body)) + body


def riff_chunk(kind: bytes, data: bytes = b"") -> bytes:
    return kind + struct.pack("<I", len(data)) + data + bytes(len(data) % 2)


def with_blocks(blocks: bytes) -> bytes:
    """A GIF with more blocks before its picture."""
    data = gif(1)
    at = data.index(b",", 13 + 6)
    return data[:at] + blocks + data[at:]


def big_tiff(entries: int, value_bytes: int) -> bytes:
    """A BigTIFF of 64 x 64 px, with more entries than it needs."""
    rows = [(256, 3, 1, 64), (257, 3, 1, 64), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1)]
    rows += [(273, 4, 1, 16), (277, 3, 1, 1), (278, 3, 1, 64), (279, 4, 1, 4096)]
    rows += [(300 + at % 60_000, 7, value_bytes, 8) for at in range(entries)]
    table = b"".join(struct.pack("<HHQQ", *row) for row in rows)
    head = b"II+\0\x08\0\0\0" + struct.pack("<QQ", 16, len(rows))
    return head + table + bytes(8 + 4096)


def tiff_entries(count: int, value_bytes: int, length: int = 0) -> bytes:
    """A TIFF of 64 x 64 px, with more entries than it needs, that each state the same bytes."""
    data = tiff({})
    (own,) = struct.unpack_from("<H", data, 8)
    rows = [struct.unpack_from("<HHII", data, 10 + 12 * at) for at in range(own)]
    after = 10 + 12 * (own + count) + 4
    rows = [(tag, kind, n, after if tag == 273 else value) for tag, kind, n, value in rows]
    rows += [(60_000 + at % 5_000, 7, value_bytes, 8) for at in range(count)]
    table = b"".join(struct.pack("<HHII", *row) for row in rows)
    head = data[:8] + struct.pack("<H", len(rows))
    return (head + table + bytes(4 + 64 * 64)).ljust(length, b"\0")


def strips(count: int, order: int = 1) -> bytes:
    """A TIFF of 16 px width with a strip for each row; their order in the file may be reversed."""
    start = 8 + 2 + 12 * 9 + 4 + 2 * 4 * count
    starts = [start + 16 * at for at in range(count)][::order]
    rows = {256: (SHORT, [16]), 257: (LONG, [count]), 278: (LONG, [1])}
    return tiff(rows | {273: (LONG, starts), 279: (LONG, [16] * count)}, bytes(16 * count))


def box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def avif_file(*boxes: bytes) -> bytes:
    return box(b"ftyp", b"avif\0\0\0\0mif1avif") + b"".join(boxes)


def heic_file(*boxes: bytes) -> bytes:
    return box(b"ftyp", b"heic\0\0\0\0mif1heic") + b"".join(boxes)


def meta(*boxes: bytes) -> bytes:
    """The box of items, with what has to come first in it."""
    handler = box(b"hdlr", bytes(8), b"pict", bytes(13))
    return box(b"meta", bytes(4), handler, box(b"pitm", bytes(4), b"\0\1"), *boxes)


def item_infos(count: int) -> bytes:
    items = (struct.pack(">IH", at + 1, 0) + b"av01\0" for at in range(count))
    infos = b"".join(box(b"infe", b"\3\0\0\0", item) for item in items)
    return box(b"iinf", b"\1\0\0\0", struct.pack(">I", count), infos)


def item_places(count: int) -> bytes:
    rows = b"".join(struct.pack(">IHHHII", at + 1, 0, 0, 1, 0, 1) for at in range(count))
    return box(b"iloc", b"\2\0\0\0\x44\0", struct.pack(">I", count), rows)


def item_references(count: int) -> bytes:
    rows = (struct.pack(">IHI", at + 1, 1, at + 2) for at in range(count))
    return box(b"iref", b"\1\0\0\0", *(box(b"dimg", row) for row in rows))


def sequence(frames: int) -> bytes:
    sizes = box(b"stsz", bytes(8), struct.pack(">I", frames), bytes(4 * frames))
    frame_boxes = box(b"mdia", box(b"minf", box(b"stbl", sizes)))
    return box(b"ftyp", b"avis\0\0\0\0avif") + box(b"moov", box(b"trak", frame_boxes))


def jp2(before: bytes = b"", within: bytes = b"") -> bytes:
    """A JPEG 2000 with more boxes, before its header and in it."""
    data = saved((64, 64), "JPEG2000")
    at = data.index(b"jp2h") - 4
    end = at + int.from_bytes(data[at : at + 4])
    return data[:at] + before + box(b"jp2h", within, data[at + 8 : end]) + data[end:]


def icon(count: int) -> bytes:
    entry = struct.pack("<BBBxHHII", 16, 16, 0, 1, 32, 40 + 2048, 6 + 16 * count)
    bitmap = struct.pack("<IiiHHIIiiII", 40, 16, 32, 1, 32, 0, 2048, 0, 0, 0, 0)
    return b"\0\0\1\0" + struct.pack("<H", count) + entry * count + bitmap + bytes(2048)


def psd(resources: int) -> bytes:
    head = b"8BPS\0\1" + bytes(6) + struct.pack(">HIIHH", 1, 8, 8, 8, 1) + bytes(4)
    data = b"8BIM\0\1\0\0\0\0\0\0" * resources
    return head + struct.pack(">I", len(data)) + data + bytes(4) + bytes(2 + 64)


def run_lengths(side: int, data: bytes) -> bytes:
    """A BMP whose rows are run lengths."""
    size, start = struct.pack("<ii", side, side), 14 + 40 + 1024
    head = struct.pack("<IIIII", start + len(data), 0, start, 40, 0)[:16] + size
    head += struct.pack("<HHIIiiII", 1, 8, 1, len(data), 0, 0, 256, 0)
    return b"BM" + head + bytes(1024) + data


def text_ppm(width: int, height: int, comments: int) -> bytes:
    return f"P2\n{width} {height}\n255\n".encode() + b"#\n" * comments + b"1 " * width * height


def damaged() -> bytes:
    """Data that inflate to almost a megabyte before their checksum is found to be wrong."""
    return zlib.compress(bytes((1 << 20) - 1), 9)[:-4] + b"none"


# Name → what makes it.
FLOODS: dict[str, Callable[[], bytes]] = {
    "exif segments.jpg": lambda: with_segments(segment(0xE1, b"Exif\0\0xx") * MANY),
    "long exif segments.jpg": lambda: with_segments(
        segment(0xE1, b"Exif\0\0" + bytes(60_000)) * 100
    ),
    "junk before exif.jpg": lambda: with_segments((segment(0xE1, b"Exif\0\0x") + b"\0") * MANY),
    "app1.jpg": lambda: with_segments(segment(0xE1) * MANY),
    "app2.jpg": lambda: with_segments(segment(0xE2, b"ICC_PROFILE\0\1\1") * MANY),
    "app13.jpg": lambda: with_segments(segment(0xED, b"Photoshop 3.0\0") * MANY),
    "comments.jpg": lambda: with_segments(segment(0xFE) * MANY),
    "tables.jpg": lambda: with_segments(segment(0xC4) * MANY),
    "fill.jpg": lambda: with_segments(b"\xff" * MANY),
    "junk.jpg": lambda: with_segments(segment(0xFE), bytes(MANY)),
    "markers.jpg": lambda: with_segments(b"\xff\xd0" * MANY),
    "scans one by one.jpg": lambda: one_by_one(200),
    "entries that overlap.jpg": lambda: with_exif(exif(5_300, 60_000, total=64_900)),
    "entries that overlap much.jpg": lambda: with_exif(exif(65_535, 2_000_000, total=2_000_000)),
    "texts.png": lambda: png(64, chunk(b"tEXt", b"k\0v") * MANY),
    "empty.png": lambda: png(64, chunk(b"tEXt", b"") * MANY),
    "private.png": lambda: png(64, chunk(b"abCd", b"") * MANY),
    "palettes.png": lambda: png(64, chunk(b"PLTE", b"") * MANY),
    "pixels.png": lambda: png(64, chunk(b"IDAT", b"") * 2 * MANY),
    "late.png": lambda: png(64, late=chunk(b"abCd", b"") * 2 * MANY),
    "late texts.png": lambda: png(64, late=chunk(b"tEXt", b"k\0v") * 2 * MANY),
    "entries that overlap.png": lambda: png(
        64, chunk(b"eXIf", exif(65_535, 2_000_000, spread=False, total=2_000_000))
    ),
    "chunks.webp": lambda: riff(after=riff_chunk(b"abcd") * MANY),
    "chunks before.webp": lambda: riff(before=riff_chunk(b"abcd") * MANY),
    "exif chunks.webp": lambda: riff(after=riff_chunk(b"EXIF") * MANY, flags=8),
    "profiles.webp": lambda: riff(before=riff_chunk(b"ICCP") * MANY, flags=32),
    "comment.gif": lambda: with_blocks(b"!\xfe" + b"\1x" * MANY + b"\0"),
    "comments.gif": lambda: with_blocks(b"!\xfe\1x\0" * MANY),
    "extensions.gif": lambda: with_blocks(b"!\xf9\4\0\0\0\0\0" * MANY),
    "unknown extensions.gif": lambda: with_blocks(b"!\1\1x\0" * MANY),
    "applications.gif": lambda: with_blocks(b"!\xff\x0bNETSCAPE2.0\3\1\0\0\0" * MANY),
    "zeros.gif": lambda: with_blocks(bytes(MANY)),
    "entries that overlap.tif": lambda: tiff_entries(5_000, 2_000_000, 2_000_000),
    "entries of a bigtiff.tif": lambda: big_tiff(MANY, 1),
    "strips.tif": lambda: strips(250_000),
    "boxes.avif": lambda: saved((64, 64), "AVIF") + box(b"free") * MANY,
    "boxes of items.avif": lambda: avif_file(meta(box(b"free") * MANY)),
    "properties.avif": lambda: avif_file(meta(box(b"iprp", box(b"ipco", box(b"free") * MANY)))),
    "items.avif": lambda: avif_file(meta(item_infos(MANY))),
    "places.avif": lambda: avif_file(meta(item_places(MANY))),
    "references.avif": lambda: avif_file(meta(item_references(MANY))),
    "frames.avif": lambda: sequence(500_000),
    "boxes.heic": lambda: heic_file(box(b"free") * MANY),
    "items.heic": lambda: heic_file(meta(item_infos(MANY))),
    "references.heic": lambda: heic_file(meta(item_references(MANY))),
    "boxes.jp2": lambda: jp2(before=box(b"free") * MANY),
    "boxes of its header.jp2": lambda: jp2(within=box(b"free") * MANY),
    "resources.psd": lambda: psd(MANY),
    "comment.ppm": lambda: b"P5\n#" + b"x" * MANY + b"\n4 4\n255\n" + bytes(16),
    "comments.ppm": lambda: b"P5\n" + b"#\n" * MANY + b"4 4\n255\n" + bytes(16),
    "comments among numbers.ppm": lambda: text_ppm(64, 64, MANY),
    "runs.bmp": lambda: run_lengths(64, b"\0\0" * 5 * MANY),
}


def row_wise_png(rows: int) -> bytes:
    """A PNG that was flushed after each row."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 64, rows, 8, 0, 0, 0, 0))
    squeeze = zlib.compressobj()
    pixels = b"".join(
        chunk(b"IDAT", squeeze.compress(b"\0" + bytes(64)) + squeeze.flush(zlib.Z_SYNC_FLUSH))
        for _ in range(rows)
    )
    end = chunk(b"IDAT", squeeze.flush()) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + header + pixels + end


def small_chunks_png(side: int) -> bytes:
    """A PNG whose pixels come in chunks of 16 bytes."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0))
    data = zlib.compress(bytes((1 + side) * side), 0)
    pixels = b"".join(chunk(b"IDAT", data[at : at + 16]) for at in range(0, len(data), 16))
    return b"\x89PNG\r\n\x1a\n" + header + pixels + chunk(b"IEND", b"")


def colours_one_by_one() -> bytes:
    """A JPEG that is not progressive and has a scan for each of its three colours."""
    data = saved((64, 48), "JPEG", "RGB", subsampling=0)
    grey = saved((64, 48), "JPEG", "L")
    scan = grey[grey.index(b"\xff\xda") + 10 : -2]
    head = data[: data.index(b"\xff\xda")]
    headers = (b"\xff\xda\0\x08\1%c%c\0\x3f\0" % (name, 0x11 * (name > 1)) for name in (1, 2, 3))
    # A grey scan takes the tables of luma only; those of colour are given the same.
    tables = grey[grey.index(b"\xff\xc4") : grey.index(b"\xff\xda")]
    more = tables.replace(b"\xff\xc4\0\x1f\0", b"\xff\xc4\0\x1f\1").replace(
        b"\xff\xc4\0\xb5\x10", b"\xff\xc4\0\xb5\x11"
    )
    return head + tables + more + b"".join(each + scan for each in headers) + b"\xff\xd9"


def several_pages(count: int) -> bytes:
    buffer = io.BytesIO()
    page = Image.new("L", (16, 16))
    page.save(buffer, "TIFF", save_all=True, append_images=[page] * (count - 1))
    return buffer.getvalue()


def chained_pages(count: int) -> bytes:
    """A TIFF whose first page is followed by directories of one entry each."""
    start = len(tiff({}))
    start += start % 2
    rest = b"".join(
        struct.pack("<HHHIII", 1, 256, SHORT, 1, 1, start + 18 * at if at < count - 1 else 0)
        for at in range(1, count)
    )
    return tiff({}, following=start).ljust(start, b"\0") + rest


# Pictures with many parts, or odd ones, such as there are.
GOOD: dict[str, Callable[[], bytes]] = {
    "profile.jpg": lambda: with_segments(
        *(segment(0xE2, b"ICC_PROFILE\0%c\xff" % (at + 1) + bytes(60_000)) for at in range(255))
    ),
    "xmp.jpg": lambda: with_segments(
        segment(0xE1, b"http://ns.adobe.com/xmp/extension/\0" + bytes(60_000)) * 300
    ),
    "thermal.jpg": lambda: with_segments(segment(0xE1, b"FLIR\0" + bytes(60_000)) * 255),
    "padding.jpg": lambda: with_segments(segment(0xFE), bytes(64 << 10)),
    "fill.jpg": lambda: with_segments(b"\xff" * (64 << 10)),
    "two exif segments.jpg": lambda: with_exif(exif(20, 1, total=100_000)),
    "wrong number of entries.jpg": lambda: with_exif(exif(5_400, 0)[:8] + b"\xff" * 64_000),
    "wrong lengths.jpg": lambda: with_exif(exif(60, 2**31, total=64_000)),
    "one by one.jpg": colours_one_by_one,
    "entries.jpg": lambda: with_exif(exif(65_535, 1)),
    "entries.png": lambda: png(64, chunk(b"eXIf", exif(65_535, 1))),
    "late entries.png": lambda: png(64, late=chunk(b"eXIf", exif(65_535, 1))),
    "entries.webp": lambda: riff(after=riff_chunk(b"EXIF", exif(65_535, 1)), flags=8),
    "entries.avif": lambda: saved((64, 64), "AVIF", exif=exif(65_535, 1)),
    "rows.png": lambda: row_wise_png(20_000),
    "small chunks.png": lambda: small_chunks_png(1_300),
    "compressed texts.png": lambda: png(64, chunk(b"zTXt", b"k\0\0" + damaged()) * 1_000),
    "late compressed texts.png": lambda: png(
        64, late=chunk(b"iTXt", b"k\0\1\0\0\0" + damaged()) * 1_000
    ),
    "profiles.png": lambda: png(64, chunk(b"iCCP", b"k\0\0" + damaged()) * 1_000),
    "compressed pieces.png": lambda: png(
        64, chunk(b"zTXt", b"Key\0\0" + zlib.compress(bytes(range(150)))) * 3_000
    ),
    "small pieces.png": lambda: png(64, chunk(b"tEXt", b"Key\0value") * 2_000),
    "frames.webp": lambda: riff(after=riff_chunk(b"abcd") * 20_000),
    "xmp.gif": lambda: with_blocks(
        b"!\xff\x0bXMP DataXMP" + (b"\xff" + b"x" * 255) * 8_000 + b"\0"
    ),
    "strips.tif": lambda: strips(65_535),
    "strips upwards.tif": lambda: strips(20_000, -1),
    "layers.tif": lambda: tiff({37_724: (1, [0] * 5_000_000)}),
    "entries.tif": lambda: tiff_entries(20_000, 1),
    "pages.tif": lambda: several_pages(300),
    "boxes.avif": lambda: saved((64, 64), "AVIF") + box(b"free", bytes(100)) * 1_000,
    "boxes.jp2": lambda: jp2(before=box(b"free") * 1_000),
    "pictures.ico": lambda: icon(65_535),
    "resources.psd": lambda: psd(500),
    "comments.ppm": lambda: text_ppm(64, 64, 3_000),
    "runs.bmp": lambda: run_lengths(64, (b"\1\0" * 64 + b"\0\0") * 64 + b"\0\1"),
}
