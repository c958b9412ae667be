"""How the pixels of a TIFF are stored, what that is called, and who reads it.

What Pillow (13) reads right is listed here, and what libvips does: all others are refused by their
names, since Pillow decodes some of them to noise.
"""

from __future__ import annotations

from typing import NamedTuple

from thumbnailer.imaging.containers import tiff_pages
from thumbnailer.imaging.containers.tiff_pages import TiffPage

# TIFF 6.0, sections 18 and 19: SampleFormat, ExtraSamples.
UNSIGNED, SIGNED, FLOAT = 1, 2, 3
UNSPECIFIED, PREMULTIPLIED, ALPHA = 0, 1, 2

# PhotometricInterpretation and the number of colours: TIFF 6.0, sections 8 and 16 to 23; 9 is of
# supplement 1, 10 of technical note 4.
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, SEPARATED, YCBCR, CIELAB = 0, 1, 2, 3, 5, 6, 8
COLOURS = {0: 1, 1: 1, 2: 3, 3: 1, 4: 1, 5: 4, 6: 3, 8: 3, 9: 3, 10: 3, 32844: 1, 32845: 3}
_COLOUR_NAMES = {0: "grey", 1: "grey", 2: "RGB", 3: "palette colours", 4: "mask", 5: "CMYK"}
_COLOUR_NAMES |= {6: "YCbCr", 8: "CIELAB", 9: "ICCLAB", 10: "ITULAB", 32803: "sensor data"}
_COLOUR_NAMES |= {32844: "LogL", 32845: "LogLuv", 34892: "linear raw data"}

# Compression: TIFF 6.0, section 3, its supplements and technical notes, and libtiff's tiff.h.
UNCOMPRESSED, JPEG, WEBP = 1, 7, 50001
_USUAL_COMPRESSIONS = {1, 2, 3, 4, 5, 7, 8, 32773, 32946}
_PILLOW_COMPRESSIONS = _USUAL_COMPRESSIONS | {6, 32771, 32809, 34925, 50000}
_VIPS_COMPRESSIONS = _USUAL_COMPRESSIONS | {WEBP}
_JPEG2000 = {33003, 33005}  # libvips decodes tiles of it, but no strips
_VIPS_8_BITS = _JPEG2000 | {JPEG, WEBP}
_COMPRESSION_NAMES = {6: "old-style JPEG", 9: "JBIG", 10: "JBIG", 22610: "JPEG XR"}
_COMPRESSION_NAMES |= {32809: "ThunderScan", 33003: "JPEG 2000", 33004: "JPEG 2000"}
_COMPRESSION_NAMES |= {33005: "JPEG 2000", 34661: "JBIG", 34676: "SGI Log", 34677: "SGI Log"}
_COMPRESSION_NAMES |= {34712: "JPEG 2000", 34887: "LERC", 34892: "lossy JPEG", 34925: "LZMA"}
_COMPRESSION_NAMES |= {34933: "PNG", 34934: "JPEG XR", 50000: "Zstandard", 50001: "WebP"}
_COMPRESSION_NAMES |= {50002: "JPEG XL", 52546: "JPEG XL"}

# Bits and formats of grey that are read.
_GREY_BOTH = {*((bits, UNSIGNED) for bits in (1, 2, 4, 8, 16, 32)), (16, SIGNED), (32, SIGNED)}
_PILLOW_GREY = _GREY_BOTH | {(12, UNSIGNED), (32, FLOAT)}
_VIPS_GREY = _GREY_BOTH | {(8, SIGNED), (16, FLOAT), (32, FLOAT)}

_MAX_BITS = 64

# The same of several channels.
_PLAIN = {(8, UNSIGNED), (16, UNSIGNED)}
_VIPS_ALPHA = _PLAIN | {(32, UNSIGNED), (16, FLOAT), (32, FLOAT)}
_VIPS_COLOURS = _VIPS_ALPHA | {(8, SIGNED), (16, SIGNED), (32, SIGNED)}


class Layout(NamedTuple):
    """How the pixels of a page are stored; `bits` and `format` are 0 if they differ by channel."""

    photometric: int
    bits: int
    format: int
    samples: int
    extras: tuple[int, ...]
    compression: int
    is_planar: bool
    is_tiled: bool
    is_reversed: bool
    is_big: bool
    order: str

    @property
    def has_alpha(self) -> bool:
        """Whether a channel says how opaque the others are, or is one too many."""
        if not self.extras:
            return self.photometric == RGB and self.samples == 4
        return self.extras[0] in (PREMULTIPLIED, ALPHA)


def is_possible(page: TiffPage) -> bool:
    """Return whether what a page says of its pixels can be true of any TIFF."""
    bits, samples = page.numbers(tiff_pages.BITS), page.number(tiff_pages.SAMPLES, 1)
    return min(*page.size, samples, *bits) > 0 and max(bits, default=1) <= _MAX_BITS


def layout_of(page: TiffPage) -> Layout:
    """Read how a page is stored, with the defaults that Pillow has."""
    bits = page.numbers(tiff_pages.BITS) or (1,)
    formats = page.numbers(tiff_pages.SAMPLE_FORMAT) or (UNSIGNED,)
    samples = page.number(tiff_pages.SAMPLES, 1)
    return Layout(
        page.number(tiff_pages.PHOTOMETRIC),
        bits[0] if len({*bits[:samples]}) == 1 else 0,
        formats[0] if len({*formats}) == 1 else 0,
        samples,
        page.numbers(tiff_pages.EXTRA_SAMPLES),
        page.number(tiff_pages.COMPRESSION, 1),
        page.number(tiff_pages.PLANAR, 1) == 2,
        tiff_pages.TILE_WIDTH in page.entries,
        page.number(tiff_pages.FILL_ORDER, 1) == 2,
        page.form.is_big,
        page.form.order,
    )


def pillow_reads(layout: Layout) -> bool:
    """Return whether Pillow decodes a page rightly, once corrected, if it knows its kind at all."""
    kind, extras = (layout.bits, layout.format), layout.extras
    colours = COLOURS.get(layout.photometric, 0)
    is_raw, is_plain = layout.compression == UNCOMPRESSED, kind in _PLAIN
    if layout.is_big and layout.order == ">":
        return False
    if layout.compression not in _PILLOW_COMPRESSIONS:
        return False
    if is_raw and layout.is_reversed and layout.photometric == WHITE_IS_ZERO and layout.bits == 8:
        return False
    if layout.samples == 1:
        return kind in _PILLOW_GREY
    if not layout.is_planar:
        return is_plain
    if (is_raw and layout.is_reversed) or layout.samples != colours + len(extras):
        return False
    if extras and not any(extras):  # left aside, but not where Pillow itself finds the planes
        return not is_raw and (is_plain or (colours == 1 and kind in _PILLOW_GREY))
    if layout.photometric == RGB:
        is_known = extras in ((), (ALPHA,)) or (extras == (PREMULTIPLIED,) and not is_raw)
        return is_plain and is_known
    if layout.photometric == SEPARATED:
        return is_plain and not extras and not (is_raw and layout.bits == 16)
    return layout.photometric == YCBCR and is_plain and not extras and not is_raw


def vips_reads(layout: Layout) -> bool:
    """Return whether libvips (8.18) decodes a page rightly."""
    colours, kind = COLOURS.get(layout.photometric, 0), (layout.bits, layout.format)
    is_jpeg2000 = layout.compression in _JPEG2000
    if not (layout.compression in _VIPS_COMPRESSIONS or (is_jpeg2000 and layout.is_tiled)):
        return False
    if layout.compression in _VIPS_8_BITS and kind != (8, UNSIGNED):
        return False
    if layout.is_planar and (layout.is_tiled or kind == (16, FLOAT)):
        return False
    if layout.photometric == PALETTE:
        return layout.samples == 1 and layout.bits <= 8 and layout.format == UNSIGNED
    if layout.photometric == CIELAB:
        return layout.bits == 16 and layout.samples == 3 and not layout.is_planar
    if layout.photometric not in (WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, SEPARATED):
        return False
    if layout.samples == 1:
        return kind in _VIPS_GREY
    if layout.samples < colours or (layout.is_planar and colours == 1):
        return False
    if PREMULTIPLIED in layout.extras:
        return kind in _PLAIN
    if layout.has_alpha and layout.photometric == WHITE_IS_ZERO:
        return layout.format == UNSIGNED and kind in _VIPS_ALPHA
    return kind in (_VIPS_ALPHA if layout.has_alpha else _VIPS_COLOURS)


def describe(layout: Layout) -> str:
    """Return what a page is, in words: `a TIFF of 16-bit floating-point RGB`."""
    form = "a big-endian BigTIFF" if layout.is_big and layout.order == ">" else "a TIFF"
    kind = {SIGNED: "signed ", FLOAT: ""}.get(layout.format, "")
    number = "floating-point " if layout.format == FLOAT else ""
    colours = _COLOUR_NAMES.get(layout.photometric, f"colours of kind {layout.photometric}")
    depth = f"{kind}{layout.bits}-bit {number}" if layout.bits else ""
    parts = [f"{form} of {depth}{colours}", "with alpha" * layout.has_alpha]
    parts.append("of several depths" * (not layout.bits))
    parts.append("in planes" * (layout.is_planar and layout.samples > 1))
    if layout.compression not in _USUAL_COMPRESSIONS:
        name = _COMPRESSION_NAMES.get(layout.compression, f"({layout.compression})")
        parts.append(f"in {name} compression")
    return " ".join(filter(None, parts))
