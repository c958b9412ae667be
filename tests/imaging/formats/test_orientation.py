"""Which orientation counts: that of EXIF, as in browsers, and no other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import ExifTags, Image, PngImagePlugin
from support.pictures import corners, quarters
from support.thumbs import thumb

UPRIGHT, TURNED = ["red", "lime", "blue", "white"], ["blue", "red", "white", "lime"]

XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
    b'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description '
    b'xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="%d"/></rdf:RDF></x:xmpmeta>'
)


def stating(path: Path, xmp: int, exif: int = 0) -> Path:
    """A picture with an orientation in XMP, and perhaps one in EXIF."""
    options: dict[str, Any] = {"xmp": XMP % xmp}
    if path.suffix == ".png":
        options = {"pnginfo": PngImagePlugin.PngInfo()}
        options["pnginfo"].add_itxt("XML:com.adobe.xmp", (XMP % xmp).decode())
    elif path.suffix == ".tif":
        options = {"tiffinfo": {700: XMP % xmp} | ({274: exif} if exif else {})}
    if exif and path.suffix != ".tif":
        block = Image.Exif()
        block[ExifTags.Base.Orientation] = exif
        options["exif"] = block
    quarters((96, 64)).save(path, **options)
    return path


@pytest.mark.parametrize("ending", ["jpg", "png", "webp", "avif", "tif"])
def test_a_picture_is_turned_by_exif_only(tmp_path: Path, ending: str) -> None:
    source = tmp_path / f"a.{ending}"
    assert corners(thumb(stating(source, 6))) == UPRIGHT
    assert corners(thumb(stating(source, 3, 6))) == TURNED
    assert corners(thumb(stating(source, 6, 1))) == UPRIGHT
