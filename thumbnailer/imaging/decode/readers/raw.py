"""Open raw pictures of cameras with the optional extra `raw`; use their preview if large enough.

Cameras store a JPEG of the picture on their screen beside the sensor data. It is much faster to
decode, and looks as the photographer saw it.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import suppress
from types import ModuleType
from typing import TYPE_CHECKING, BinaryIO, TypeVar

from PIL import ExifTags, Image, ImageFile

from thumbnailer.imaging.colour.coded import Colours
from thumbnailer.imaging.colour.depth import to_resizable
from thumbnailer.imaging.colour.source_colours import source_colours
from thumbnailer.imaging.colour.to_srgb import to_srgb
from thumbnailer.imaging.containers.raw_directories import (
    is_misread,
    is_raw_cut_short,
    jpeg_previews,
)
from thumbnailer.imaging.decode.late_picture import LatePicture
from thumbnailer.imaging.decode.shrink_on_load import SHRINKING_GAP, UNSHRUNK_PREVIEW
from thumbnailer.imaging.failures import NOTE, NoPictureError
from thumbnailer.imaging.geometry.fit import Size
from thumbnailer.imaging.geometry.orientation import apply_orientation, orientation_of, swaps_sides
from thumbnailer.imaging.memory import HELD_BYTES, check_bytes, coefficient_bytes, one_thread
from thumbnailer.recipe import Limits

if TYPE_CHECKING:
    import rawpy

# Address space for importing rawpy: with NumPy it maps 86 MiB. The import takes 0.1 s, so it is
# left until the first raw picture.
_IMPORT_BYTES = 96 << 20

# What is said of a picture whose sensor data LibRaw does not decode: JPEG XL, VC-5, Nikon's HE.
_FROM_PREVIEW = "shows the camera's preview"
_UNKNOWN_CODING = "in a coding that is not read here"

# What the EXIF data say that LibRaw puts before a preview without any, or not at its beginning, and
# where: internal/dcraw_fileio.cpp, tiff_head.
_EXIF_OF_LIBRAW, _LIBRAW_BYTES = b"dcraw v", 2048

_Preview = TypeVar("_Preview", bound=Image.Image)

# LibRaw's flip codes as EXIF orientations, and the orientation that undoes each of those.
_ORIENTATIONS = {1: 2, 2: 4, 3: 3, 4: 5, 5: 8, 6: 6, 7: 7}
_INVERSE = {1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 8, 7: 7, 8: 6}

# Relative difference allowed between the shapes of preview and sensor image, which has a few rows
# more.
_TOLERANCE = 0.02


def open_raw(
    file: BinaryIO, limits: Limits, open_preview: Callable[[BinaryIO], ImageFile.ImageFile]
) -> RawPicture:
    """Read the header and the preview of a raw picture.

    Args:
        limits: the memory limit is checked here.
        open_preview: opens a JPEG; may raise anything.

    Raises:
        LimitError: LibRaw and the file alone take more memory than a worker may use.
        NoPictureError: LibRaw does not support this kind of raw picture.
        Exception: its header is invalid.
    """
    held_bytes = _IMPORT_BYTES + file.seek(0, io.SEEK_END)
    check_bytes(held_bytes, limits)
    rawpy = _import_rawpy()
    file.seek(0)
    try:
        raw = rawpy.imread(file)
    except rawpy.LibRawFileUnsupportedError:
        raise NoPictureError("is a camera's raw picture of a kind that is not read here") from None
    image = RawPicture(file, raw, open_preview)
    image.info[HELD_BYTES] = held_bytes
    return image


class RawPicture(LatePicture):
    """A raw picture as a Pillow image; `draft` chooses preview, half or full sensor size.

    Attributes:
        preview_size: width and height in px of its preview, in its own orientation; None without.
        is_from_preview: whether the preview is chosen, or all that can be decoded.
    """

    format = "RAW"
    format_description = "a camera's raw picture"

    def __init__(
        self,
        file: BinaryIO,
        raw: rawpy.RawPy,
        open_preview: Callable[[BinaryIO], ImageFile.ImageFile],
    ) -> None:
        self._raw = raw
        self._open_preview = open_preview
        self._file = file
        super().__init__(file)

    def _open(self) -> None:
        sizes = self._raw.sizes
        self._size, self._mode, self.tile = (sizes.iwidth, sizes.iheight), "RGB", []
        self._orientation = _ORIENTATIONS.get(sizes.flip, 1)
        self._is_half = self.is_from_preview = False
        self._preview: Image.Image | None = None
        self._preview_turn = 1  # orientation in which the preview has the picture's shape
        self._preview_colours: Colours = b""
        for preview in self._previews(self._raw):
            for orientation in (orientation_of(preview), 1):
                if self._has_shape_of(_sides(preview.size, orientation, self._orientation)):
                    self._preview, self._preview_turn = preview, orientation
                    return

    def _previews(self, raw: rawpy.RawPy) -> Iterator[Image.Image]:
        """Yield previews: first the one that LibRaw chooses, which is the largest it knows."""
        with suppress(Exception):  # no preview, or of a form that LibRaw does not know
            extracted = raw.extract_thumb()
            if isinstance(extracted.data, bytes):
                yield self._open_jpeg(extracted.data)
            else:
                yield self._turned_as_sensor(Image.fromarray(extracted.data))
        for data in jpeg_previews(self._file):
            with suppress(Exception):  # an unreadable one
                yield self._open_jpeg(data)

    def _open_jpeg(self, data: bytes) -> ImageFile.ImageFile:
        """Open a JPEG; read its colours as it is stored, without the EXIF data that LibRaw adds."""
        file = io.BytesIO(data)
        preview = original = self._open_preview(file)
        if _EXIF_OF_LIBRAW in data[:_LIBRAW_BYTES]:
            stored = (one for one in jpeg_previews(self._file) if data.endswith(one[2:]))
            file = io.BytesIO(next(stored, data))
            original = self._open_preview(file)
        self._preview_colours = source_colours(original, file)
        self.info["exif"] = original.info.get("exif", b"")
        return preview if preview.info.get("exif") else self._turned_as_sensor(preview)

    def _turned_as_sensor(self, preview: _Preview) -> _Preview:
        preview.getexif()[ExifTags.Base.Orientation] = self._orientation
        return preview

    @property
    def preview_size(self) -> Size | None:
        return self._preview.size if self._preview else None

    def _has_shape_of(self, size: Size) -> bool:
        ratio = size[0] * self.height / (size[1] * self.width)
        return abs(ratio - 1) < _TOLERANCE

    def getexif(self) -> Image.Exif:
        """Return the EXIF data with the orientation that LibRaw reports."""
        exif = super().getexif()
        exif[ExifTags.Base.Orientation] = self._orientation
        return exif

    def draft(self, mode: str | None, size: Size | None) -> None:
        """Choose the smallest source for a thumbnail: preview, half sensor size or full size.

        The preview if it is large enough, else half of the sensor's columns and rows, else all.

        Args:
            size: in px: SHRINKING_GAP times the thumbnail's.
        """
        assert size is not None
        needed = [side / SHRINKING_GAP * (1 - _TOLERANCE) for side in size]
        if self._preview:
            width, height = _sides(self._preview.size, self._preview_turn, self._orientation)
            if width >= needed[0] and height >= needed[1]:
                if isinstance(self._preview, ImageFile.ImageFile):
                    if UNSHRUNK_PREVIEW not in self.info:
                        self._preview.draft(
                            None, _sides(size, self._preview_turn, self._orientation)
                        )
                    self.info[HELD_BYTES] += coefficient_bytes(self._preview)
                self.is_from_preview = True
                self._size = _sides(self._preview.size, self._preview_turn, self._orientation)
                return
        self._is_half = self.width // 2 >= needed[0] and self.height // 2 >= needed[1]
        if self._is_half:
            self._size = self.width // 2, self.height // 2

    def _decode(self) -> Image.Image:
        """Return the chosen source.

        The sensor data if the preview is damaged, and the preview if they can't be decoded: then a
        note says so.
        """
        with self._raw as raw:
            picture = self._from_preview() if self.is_from_preview else None
            if picture and is_raw_cut_short(self._file):
                self.info[NOTE] = f"its end is missing: {_FROM_PREVIEW}"
            return picture or self._from_sensor(raw)

    def _from_preview(self) -> Image.Image | None:
        if self._preview is None:
            return None
        with suppress(Exception):  # a damaged preview is ignored
            self._preview.load()
            picture, _ = to_srgb(to_resizable(self._preview), self._preview_colours)
            if self._preview_turn != self._orientation:
                picture = apply_orientation(
                    apply_orientation(picture, self._preview_turn), _INVERSE[self._orientation]
                )
            return picture
        return None

    def _from_sensor(self, raw: rawpy.RawPy) -> Image.Image:
        rawpy = _import_rawpy()
        if is_misread(self._file):
            return self._without_sensor()
        try:
            pixels = raw.postprocess(
                half_size=self._is_half, use_camera_wb=True, user_flip=0, output_bps=8
            )
        except rawpy.LibRawIOError as error:
            raise ValueError("truncated") from error
        except rawpy.LibRawUnsufficientMemoryError as error:
            raise MemoryError from error
        except rawpy.LibRawFileUnsupportedError:
            return self._without_sensor()
        if is_raw_cut_short(self._file):
            raise ValueError("truncated")
        return Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)

    def _without_sensor(self) -> Image.Image:
        """Return the preview, where the sensor data are of a coding that is not read."""
        picture = self._from_preview()
        if not picture:
            raise NoPictureError(f"is a camera's raw picture {_UNKNOWN_CODING}")
        width, height = picture.size
        self.is_from_preview = True
        self.info[NOTE] = f"is {_UNKNOWN_CODING}: {_FROM_PREVIEW}, {width} x {height} px"
        return picture


def _sides(size: Size, one: int, other: int) -> Size:
    """Convert a size from orientation `one` to orientation `other`."""
    return size if swaps_sides(one) == swaps_sides(other) else (size[1], size[0])


def _import_rawpy() -> ModuleType:
    import numpy  # noqa: F401 - not inside: it may have as many threads as its other users want

    with one_thread("OMP_NUM_THREADS"):
        import rawpy
    return rawpy
