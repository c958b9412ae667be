"""Open a picture and check it against the limits, from its header alone."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import Any, BinaryIO, NamedTuple

# Imported to register their formats, so that Pillow need not search for plugins during a job.
from PIL import (  # noqa: F401
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    IcoImagePlugin,
    Image,
    ImageFile,
    Jpeg2KImagePlugin,
    JpegImagePlugin,
    PngImagePlugin,
    PpmImagePlugin,
    PsdImagePlugin,
    TgaImagePlugin,
    TiffImagePlugin,
    UnidentifiedImageError,
    WebPImagePlugin,
)

from thumbnailer.formats import BY_NAME, READ, Format
from thumbnailer.imaging.colour.coded import Colours
from thumbnailer.imaging.containers.bounded_file import MAX_PARTS, BoundedFile
from thumbnailer.imaging.containers.boxes import check_boxes
from thumbnailer.imaging.containers.exif import (
    TIFF_STARTS,
    check_directory,
    check_exif_within,
)
from thumbnailer.imaging.containers.items import main_size
from thumbnailer.imaging.containers.png_chunks import PNG_SIGNATURE
from thumbnailer.imaging.decode.check_parts import check_parts
from thumbnailer.imaging.decode.identify import (
    identify_optional,
    unreadable_reason,
)
from thumbnailer.imaging.decode.readers.bmp import open_bmp
from thumbnailer.imaging.decode.readers.gif import correct_gif
from thumbnailer.imaging.decode.readers.heif import open_heif
from thumbnailer.imaging.decode.readers.ico import largest_picture
from thumbnailer.imaging.decode.readers.jpeg2000 import correct_jpeg2000
from thumbnailer.imaging.decode.readers.jxl.open import open_jxl
from thumbnailer.imaging.decode.readers.png import correct_png, open_png
from thumbnailer.imaging.decode.readers.psd import correct_psd
from thumbnailer.imaging.decode.readers.raw import open_raw
from thumbnailer.imaging.decode.readers.svg.open import open_svg
from thumbnailer.imaging.decode.readers.tiff.open import open_tiff
from thumbnailer.imaging.decode.readers.webp import (
    WEBP_HEADER_BYTES,
    check_chunks,
    correct_webp,
    webp_size,
)
from thumbnailer.imaging.decode.shrink_on_load import can_shrink
from thumbnailer.imaging.failures import LimitError, NoPictureError, is_of_system
from thumbnailer.imaging.geometry.orientation import ignore_xmp
from thumbnailer.imaging.memory import (
    Claim,
    check_bytes,
    check_density,
    check_pixels,
    check_room,
    picture_bytes,
)
from thumbnailer.imaging.process_wide import ProcessWide
from thumbnailer.imaging.quiet import quiet
from thumbnailer.recipe import Limits

# What reading a header takes at most, besides what some decoders hold of the file or the pixels.
_HEADER_BYTES = 4 << 20

# Pillow decodes an icon on opening, before memory is claimed. The icon's directory can state at
# most 256 x 256 px.
_MAX_ICON_PIXELS = 1 << 20

# What Pillow reads wrongly in a format, corrected by its header, before pixels are decoded. It
# raises NoPictureError where that can't be done, struct.error where the header is invalid.
_CORRECTIONS: dict[str, Callable[[ImageFile.ImageFile, BinaryIO], None]] = {
    "GIF": correct_gif,
    "JPEG2000": correct_jpeg2000,
    "PNG": correct_png,
    "PSD": correct_psd,
    "WEBP": correct_webp,
}

_JPEG_START = b"\xff\xd8\xff"

# How much of a file Pillow's plugins look at.
_PREFIX_BYTES = 16

_MAX_IMAGE_PIXELS = ProcessWide("MAX_IMAGE_PIXELS")


class OpenPicture(NamedTuple):
    """A picture whose header has been read, and what decoding it may cost.

    Attributes:
        image: as opened from `file`, not yet decoded.
        colours: how its values become colours; b"" for sRGB.
        frames: how many frames are wanted of it; 1 for a still.
    """

    image: ImageFile.ImageFile
    file: BinaryIO
    colours: Colours
    frames: int
    limits: Limits
    claim: Claim


def open_picture(file: BinaryIO, limits: Limits) -> ImageFile.ImageFile:
    """Read a picture's header and check it against `limits`; decode no pixels.

    Raises:
        LimitError: it has more pixels than `limits` allow, too many parts or scans, or megabytes of
            text.
        NoPictureError: its format is not supported, or its header is invalid; the message says
            what the file is instead.
        OSError: the file can't be read.
    """
    length, needed = file.seek(0, io.SEEK_END), _HEADER_BYTES
    file.seek(0)
    start = file.read(WEBP_HEADER_BYTES)
    if size := webp_size(start):
        check_pixels(size, limits.pixels)
        needed += picture_bytes("WEBP", "", size)
        check_bytes(needed, limits)
        check_chunks(file)
    elif start.startswith(b"ftyp", 4):
        needed += length
    elif start.startswith(TIFF_STARTS):
        check_directory(file)
    key, _ = identify_optional(file)
    if key and key not in limits.also:
        raise NoPictureError(unreadable_reason(file, limits.also))
    if start.startswith((b"ftyp", b"jP  "), 4):
        _check_boxes(file, key, start, limits)
    file.seek(0)
    try:
        with quiet():
            image = _open_by_format(file, start, length, key, limits)
    except UnidentifiedImageError:
        check_room(needed)
        raise NoPictureError(unreadable_reason(file, limits.also)) from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise LimitError(
            f"has more than {limits.pixels / 1e6:.3g} megapixels, the limit (max_pixels)"
        ) from None
    except Exception as error:  # plugins raise many types on an invalid header
        if is_of_system(error) or isinstance(error, LimitError | NoPictureError):
            raise
        if "too large" in str(error) or "Too much memory" in str(error):
            raise LimitError("holds too much text or too large a colour profile") from None
        check_room(needed)
        raise NoPictureError(unreadable_reason(file, limits.also)) from None
    check_pixels(image.size, limits.pixels)
    if not can_shrink(image):
        check_density(image, length, limits)
    check_parts(image, file)
    ignore_xmp(image)
    if correct := _CORRECTIONS.get(image.format or ""):
        try:
            correct(image, file)
        except struct.error:  # the header ends early, or is too short for what it says
            raise NoPictureError(unreadable_reason(file, limits.also)) from None
    return image


def _check_boxes(file: BinaryIO, key: str, start: bytes, limits: Limits) -> None:
    """Check the boxes of a file that will be decoded: of no video, which is refused for what it is.

    Raises:
        LimitError: it has too many boxes, items, frames or pixels, or EXIF data with too many
            entries.
    """
    _, accepts = Image.OPEN["AVIF"]
    is_avif = not key and accepts is not None and bool(accepts(start))
    if key or is_avif:
        check_boxes(file)
        if size := main_size(file):
            check_pixels(size, limits.pixels)
    if is_avif:  # Pillow reads its EXIF data when it opens it
        file.seek(0)
        check_exif_within(file.read())


def _open_by_format(
    file: BinaryIO, start: bytes, length: int, key: str, limits: Limits
) -> ImageFile.ImageFile:
    """Open a picture with the decoder of its format.

    Args:
        start: the first bytes of the file.
        length: of the file in bytes.
        key: its name from `identify_optional`; "" for a format that is always read.
    """
    if key == "heif":
        return open_heif(file, limits)
    if key == "jxl":
        return open_jxl(file, limits)
    if key == "raw":
        return open_raw(file, limits, lambda preview: open_picture(preview, limits))
    if key == "svg":
        return open_svg(file, limits, lambda embedded: open_picture(embedded, limits))
    if key == "ico":
        return _open_icon(file, limits)
    if start.startswith(b"BM") and (bitmap := open_bmp(file)):
        return bitmap
    file.seek(0)
    # A small file has no more parts than are allowed. For a small JPEG this saves a twentieth.
    is_small = length <= MAX_PARTS
    bounded: Any = file if is_small else BoundedFile(file)
    if start.startswith(PNG_SIGNATURE):
        image = open_png(bounded)
    elif start.startswith(TIFF_STARTS):
        image = open_tiff(file, bounded)
    elif start.startswith(_JPEG_START):  # the first picture of several is that of an MPO
        image = JpegImagePlugin.JpegImageFile(bounded, "")
    else:
        formats = [BY_NAME[key]] if key else READ
        try:
            image = _open_by_plugin(bounded, start, formats)
        except (Image.DecompressionBombError, Image.DecompressionBombWarning):
            with pillow_limit(limits.pixels):
                image = _open_by_plugin(bounded, start, formats)
    if not is_small:
        bounded.header_is_read(len(image.tile))
        if image.format == "BMP":  # Pillow reads run lengths byte by byte
            image.fp = file
    return image


def _open_by_plugin(file: Any, start: bytes, formats: Iterable[Format]) -> ImageFile.ImageFile:
    """Open a picture as `Image.open` does, but without Pillow's limit, which is the process's own.

    The plugins of a few formats check that limit themselves.
    """
    for format in formats:
        factory, accepts = Image.OPEN[format.pillow]
        accepted = not accepts or accepts(start[:_PREFIX_BYTES])
        if accepted and not isinstance(accepted, str):  # it would say what is missing of Pillow
            file.seek(0)
            try:
                return factory(file, "")
            except (SyntaxError, IndexError, TypeError, struct.error):
                continue
    raise UnidentifiedImageError


def _open_icon(file: BinaryIO, limits: Limits) -> ImageFile.ImageFile:
    size, data = largest_picture(file)
    if data.startswith(PNG_SIGNATURE):
        return open_picture(io.BytesIO(data), limits)
    check_pixels(size, min(limits.pixels, _MAX_ICON_PIXELS))
    return _open_by_plugin(io.BytesIO(data), data, [BY_NAME["ico"]])


def pillow_limit(pixels: int) -> AbstractContextManager[None]:
    """Set Pillow's process-wide pixel limit inside the block.

    Other threads see that for an instant, so it is for pictures of more pixels than that limit.
    """
    return _MAX_IMAGE_PIXELS.set_to(pixels, Image)


def load_within_limit(image: ImageFile.ImageFile) -> None:
    """Decode a picture that was found to be within our limit, whatever Pillow's own is."""
    width, height = image.size
    pixels = width * height
    if Image.MAX_IMAGE_PIXELS is None or pixels <= Image.MAX_IMAGE_PIXELS:
        image.load()
    else:
        with pillow_limit(pixels):
            image.load()
