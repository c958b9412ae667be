"""The small picture that cameras put into a photo's EXIF data."""

from __future__ import annotations

import io

from PIL import ExifTags, Image, ImageFile


def preview_size(image: ImageFile.ImageFile) -> tuple[int, int] | None:
    """Width and height in px of the preview in a picture's EXIF data; None if there is none.

    Only JPEG previews count: EXIF 2.32, section 4.5.5, IFD1.
    """
    try:
        tags = image.getexif().get_ifd(ExifTags.IFD.IFD1)
        start = tags[ExifTags.Base.JpegIFOffset]
        length = tags[ExifTags.Base.JpegIFByteCount]
        block = image.info["exif"]
        if block.startswith(b"Exif\0\0"):
            block = block[6:]
        with Image.open(io.BytesIO(block[start : start + length]), formats=["JPEG"]) as preview:
            return preview.size
    except Exception:  # whatever broken EXIF data come to
        return None
