"""Open the pages of a TIFF that Pillow does not read, with the optional extra `vips`."""

from __future__ import annotations

from typing import Any, BinaryIO

from PIL import Image, ImageFile

from thumbnailer.imaging.colour.depth import IS_UNSIGNED
from thumbnailer.imaging.colour.source_colours import MAX_PROFILE_BYTES
from thumbnailer.imaging.colour.to_srgb import to_srgb
from thumbnailer.imaging.containers import tiff_pages
from thumbnailer.imaging.containers.tiff_pages import PARTS, TiffPage
from thumbnailer.imaging.decode.late_picture import LatePicture
from thumbnailer.imaging.decode.readers.tiff.layout import (
    BLACK_IS_ZERO,
    CIELAB,
    COLOURS,
    FLOAT,
    JPEG,
    PALETTE,
    SEPARATED,
    UNSIGNED,
    WHITE_IS_ZERO,
    Layout,
    describe,
)
from thumbnailer.imaging.decode.vips import load_pyvips, to_pillow
from thumbnailer.imaging.failures import NoPictureError, unread
from thumbnailer.imaging.geometry.orientation import apply_orientation, oriented_sides
from thumbnailer.imaging.memory import HELD_BYTES

# What libvips (8.18) holds of the picture at a time, measured and rounded up: one and a half rows
# of tiles, or so many rows of strips. Of higher strips it reads one row after the other.
_STRIP_ROWS = 512

# The most bytes of a number in words.
_MAX_NUMBER_BYTES = 64

# The most strips or tiles whose places are read: those that `check_directory` allows.
_MAX_STRIPS = 200_000

# One step of 8 bits, of values of 32 bits.
_STEP_OF_32_BITS = 1 << 24

# How libvips says that it was built without a decoder.
_LACKING = ("not configured", "not implemented", "without", "out of range")


def open_by_vips(
    file: BinaryIO, number: int, page: TiffPage, layout: Layout
) -> ImageFile.ImageFile:
    """Return a page of a TIFF as a Pillow image, which libvips decodes.

    Args:
        number: of the page, from 0.
    """
    return _TiffPicture(file, number, page, layout)


class _TiffPicture(LatePicture):
    """A page of a TIFF, turned upright like those that Pillow decodes."""

    format = "TIFF"
    format_description = "a TIFF decoded by libvips"

    def __init__(self, file: BinaryIO, number: int, page: TiffPage, layout: Layout) -> None:
        self._number, self._page, self._layout = number, page, layout
        super().__init__(file)

    def _open(self) -> None:
        page, layout = self._page, self._layout
        self._orientation = page.number(tiff_pages.ORIENTATION, 1)
        self._size = oriented_sides(page.size, self._orientation)
        self._mode, self.tile = _mode(layout), []
        # What is asked of a TIFF that Pillow opened.
        self.tag_v2: dict[int, Any] = {
            tag: page.numbers(tag, _MAX_STRIPS) for tags in PARTS for tag in tags
        }
        # libvips turns unsigned values over where 0 is white, and leaves others.
        is_white = layout.photometric == WHITE_IS_ZERO and layout.format != UNSIGNED
        self.tag_v2[tiff_pages.PHOTOMETRIC] = (WHITE_IS_ZERO if is_white else BLACK_IS_ZERO,)
        no_data = page.data(tiff_pages.GDAL_NODATA, _MAX_NUMBER_BYTES)
        self.tag_v2[tiff_pages.GDAL_NODATA] = no_data.decode("latin-1")
        self._profile = page.data(tiff_pages.ICC_PROFILE, MAX_PROFILE_BYTES + 1)
        if self._profile and not _is_separated_with_alpha(layout):
            self.info["icc_profile"] = self._profile
        self.info[IS_UNSIGNED] = (layout.bits, layout.format) == (32, UNSIGNED)
        self.info[HELD_BYTES] = _held_bytes(page, layout)

    def _decode(self) -> Image.Image:
        """Return the page, upright.

        Raises:
            NoPictureError: libvips was built without its decoder.
            Exception: it is damaged.
        """
        try:
            return apply_orientation(self._as_stored(), self._orientation)
        except load_pyvips().Error as error:
            if any(words in str(error) for words in _LACKING):
                raise NoPictureError(unread(describe(self._layout))) from None
            raise

    def _as_stored(self) -> Image.Image:
        layout, decoded = self._layout, self._from_start()
        if layout.photometric == PALETTE:
            return to_pillow(decoded, "L" if decoded.bands == 1 else "RGB")
        if layout.photometric == CIELAB:
            return to_pillow(_lab_of_8_bits(decoded), "LAB")
        if COLOURS[layout.photometric] == 1 and not layout.has_alpha:
            return to_pillow(_grey(decoded[0]), _mode(layout))
        if not _is_separated_with_alpha(layout):
            return to_pillow(self._to_8_bits(decoded), _mode(layout))
        # There is no mode for five channels.
        cmyk = to_pillow(self._to_8_bits(decoded)[:4], "CMYK")
        picture, _ = to_srgb(cmyk, self._profile)
        picture.putalpha(to_pillow(self._to_8_bits(self._from_start())[4], "L"))
        return picture

    def _from_start(self) -> Any:
        """Return the page as an image of libvips, to be decoded once from top to bottom.

        Of tiles and JPEGs libvips lets errors pass unless warnings count, too. Of strips these are
        about tags mostly, such as one of another type than usual.
        """
        is_jpeg = self._layout.compression == JPEG
        pyvips, file = load_pyvips(), self._page.file
        file.seek(0)
        try:
            source = pyvips.Source.new_from_descriptor(file.fileno())
        except OSError:  # in memory
            source = pyvips.Source.new_from_memory(file.read())
        return pyvips.Image.tiffload_source(
            source,
            page=self._number,
            access="sequential",
            fail_on="warning" if self._layout.is_tiled or is_jpeg else "error",
        )

    def _to_8_bits(self, decoded: Any) -> Any:
        """Return the channels that are shown in 8 bits.

        Floats are taken to be from 0 to 1, and encoded like integers: the default of TIFF 6.0,
        section 20, is a gamma of 2.2. With a profile they may be brighter than white. Without one
        such a picture, and one of signed integers, is scaled from its own minimum and maximum.
        """
        layout = self._layout
        colours = COLOURS[layout.photometric]
        count = colours + layout.has_alpha
        decoded = decoded[0] if count == 1 else decoded.extract_band(0, n=count)
        if layout.format == UNSIGNED:
            if layout.bits == 32:
                return (decoded / _STEP_OF_32_BITS).cast("uchar")
            return decoded.cast("uchar", shift=True)
        low, high = 0.0, 1.0
        if layout.format != FLOAT or not self._profile:
            low, high = self._extremes(colours)
            if layout.format == FLOAT and low >= 0 and high <= 1:
                low, high = 0.0, 1.0
        scale = 255 / (high - low) if high > low else 0
        scales = [scale] * colours + [255] * layout.has_alpha
        offsets = [0.5 - low * scale] * colours + [0.5] * layout.has_alpha
        return decoded.linear(scales, offsets).cast("uchar")

    def _extremes(self, colours: int) -> tuple[float, float]:
        """Return the smallest and largest value of all colours."""
        return (
            self._from_start().extract_band(0, n=colours).min(),
            self._from_start().extract_band(0, n=colours).max(),
        )


def _mode(layout: Layout) -> str:
    """Return the mode in which a page is decoded."""
    colours, alpha = COLOURS[layout.photometric], "A" * layout.has_alpha
    if layout.photometric == CIELAB:
        return "LAB"
    if colours == 4:
        return "RGBA" if alpha else "CMYK"
    if colours == 3 or layout.photometric == PALETTE:
        return "RGB" + alpha
    if alpha:
        return "LA"
    if layout.format == FLOAT:
        return "F"
    if layout.format != UNSIGNED or layout.bits == 32:
        return "I"
    return "I;16" if layout.bits == 16 else "L"


def _is_separated_with_alpha(layout: Layout) -> bool:
    return layout.photometric == SEPARATED and layout.has_alpha


def _grey(decoded: Any) -> Any:
    """Return grey in a format that Pillow has; of unsigned values of 32 bits the same bits."""
    if decoded.format == "uint":
        return decoded.copy(format="int")
    return decoded.cast("int") if decoded.format in ("char", "short") else decoded


def _lab_of_8_bits(decoded: Any) -> Any:
    """Return CIELAB as TIFF 6.0, section 23, stores it in 8 bits: a and b are signed."""
    lightness = (decoded[0] * (255 / 32767)).cast("uchar")
    colours = ((decoded.extract_band(1, n=2) + 32768) / 256).cast("uchar") ^ 128
    return lightness.bandjoin(colours)


def _held_bytes(page: TiffPage, layout: Layout) -> int:
    """Return what libvips holds of a page besides what it returns, in bytes."""
    width, rows = page.size[0], _STRIP_ROWS
    if layout.is_tiled:
        width = max(width, page.number(tiff_pages.TILE_WIDTH))
        rows = max(rows, page.number(tiff_pages.TILE_LENGTH) * 2)
    return width * layout.samples * ((layout.bits + 7) // 8) * rows
