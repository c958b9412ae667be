"""What Pillow, libheif, OpenJPEG and our own code write, of each kind that they know."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
from PIL import Image, ImageCms
from support.colours import with_codes
from support.thumbs import swapped_profile

from differential.cells import HEIGHT, WIDTH, WORDS, Cell, channels, image_of, quantised, scene


def jpegs() -> Iterator[Cell]:
    picture = image_of(scene())
    profiles: dict[str, dict[str, Any]] = {
        "no profile": {},
        "ICC profile": {"icc_profile": swapped_profile()},
        "Adobe RGB by EXIF": {"exif": _adobe_rgb()},
    }
    for sampling, progressive, (words, options) in product(
        ("4:4:4", "4:2:2", "4:2:0"), (False, True), profiles.items()
    ):
        data = _saved(
            picture, "jpeg", quality=95, subsampling=sampling, progressive=progressive, **options
        )
        how = "progressive" if progressive else "baseline"
        yield Cell("JPEG", f"YCbCr {sampling}", f"{how}, {words}", "jpg", data, most=2)
    for mode, progressive in product(("L", "CMYK"), (False, True)):
        data = _saved(picture.convert(mode), "jpeg", quality=95, progressive=progressive)
        how = "progressive" if progressive else "baseline"
        yield Cell("JPEG", WORDS[mode], how, "jpg", data, most=2)
    data = _saved(picture, "jpeg", quality=95, keep_rgb=True)
    yield Cell("JPEG", "RGB", "baseline", "jpg", data, most=2)


def of_browsers() -> Iterator[Cell]:
    """GIF, WebP, BMP, ICO and AVIF."""
    opaque, clear = image_of(channels("RGB")), image_of(channels("RGBA"))
    for colours, is_interlaced in product((2, 16, 256), (False, True)):
        data = _saved(opaque.quantize(colours), "gif", interlace=is_interlaced)
        detail = "interlaced" if is_interlaced else "row by row"
        yield Cell("GIF", f"{colours} colours", detail, "gif", data)
    ways: dict[str, dict[str, Any]] = {
        "lossless": {"lossless": True, "exact": True},
        "lossy": {"quality": 95},
        "lossless, ICC profile": {"lossless": True, "icc_profile": swapped_profile()},
    }
    for image, (words, options) in product((opaque, clear), ways.items()):
        kind = "RGB and alpha" if image is clear else "RGB"
        yield Cell("WebP", kind, words, "webp", _saved(image, "webp", **options), most=2)
    for mode in ("1", "L", "P", "RGB", "RGBA"):
        data = _saved((clear if mode == "RGBA" else opaque).convert(mode), "bmp")
        yield Cell("BMP", WORDS[mode], "as Pillow writes it", "bmp", data)
    for is_bitmap in (False, True):
        data = _saved(clear.resize((64, 64)), "ico", bitmap_format="bmp" if is_bitmap else "png")
        yield Cell("ICO", "RGB and alpha", "BMP" if is_bitmap else "PNG", "ico", data)
    for image, sampling, spread in product(
        (opaque, clear), ("4:4:4", "4:2:2", "4:2:0", "4:0:0"), ("full", "limited")
    ):
        kind = f"{'RGB and alpha' if image is clear else 'RGB'}, {sampling}"
        data = _saved(image, "avif", quality=95, subsampling=sampling, range=spread, speed=8)
        yield Cell("AVIF", kind, f"{spread} range", "avif", data, most=2)
    whole = _saved(opaque, "avif", quality=100, subsampling="4:4:4", speed=8)
    for codes in product((1, 9, 12), (1, 8, 13, 16, 18)):
        detail = f"primaries {codes[0]}, curve {codes[1]}"
        yield Cell("AVIF", "colours by nclx", detail, "avif", with_codes(whole, *codes), most=3)


def avif_of_depths() -> Iterator[Cell]:
    import imagecodecs

    for mode, bits in product(("L", "RGB", "RGBA"), (8, 10, 12)):
        values = np.round(channels(mode) * ((1 << bits) - 1)).astype("u1" if bits == 8 else "u2")
        shaped = values[..., 0] if mode == "L" else values
        data = imagecodecs.avif_encode(shaped, level=95, bitspersample=bits, speed=8)
        yield Cell(
            "AVIF", f"{WORDS[mode]}, {bits} bits", "by imagecodecs", "avif", bytes(data), most=2
        )


def heics() -> Iterator[Cell]:
    from pillow_heif import from_bytes, from_pillow

    for mode, sampling in product(("RGB", "RGBA"), ("444", "422", "420")):
        buffer = io.BytesIO()
        from_pillow(image_of(channels(mode))).save(buffer, quality=98, chroma=sampling)
        truth = image_of(channels(mode))
        yield Cell("HEIC", f"{WORDS[mode]}, 8 bits", sampling, "heic", buffer.getvalue(), truth, 3)
    for bits, mode in product((10, 12), ("RGB", "RGBA")):
        values = quantised(channels(mode), "u2")
        image = from_bytes(f"{mode};16", (WIDTH, HEIGHT), values.tobytes())
        buffer = io.BytesIO()
        from pillow_heif import options

        options.SAVE_HDR_TO_12_BIT = bits == 12
        image.save(buffer, quality=98, chroma="444")
        options.SAVE_HDR_TO_12_BIT = False
        truth = image_of(channels(mode))
        yield Cell(
            "HEIC", f"{WORDS[mode]}, {bits} bits", "444", "heic", buffer.getvalue(), truth, 2
        )


def jpeg2000s() -> Iterator[Cell]:
    import imagecodecs

    for mode, bits, codec in product(("L", "LA", "RGB", "RGBA"), (8, 10, 12, 16), ("jp2", "j2k")):
        values = np.round(channels(mode) * ((1 << bits) - 1)).astype("u1" if bits == 8 else "u2")
        shaped = values[..., 0] if mode == "L" else values
        data = imagecodecs.jpeg2k_encode(
            shaped, codecformat=codec, bitspersample=bits, reversible=True
        )
        truth = image_of(channels(mode))
        yield Cell("JPEG 2000", f"{WORDS[mode]}, {bits} bits", codec, codec, bytes(data), truth)


def of_pillow() -> Iterator[Cell]:
    """PPM and TGA: the pictures are the truth."""
    opaque, clear = image_of(channels("RGB")), image_of(channels("RGBA"))
    for kind, (letter, mode) in {
        "bits": (b"P4", "1"),
        "grey": (b"P5", "L"),
        "RGB": (b"P6", "RGB"),
    }.items():
        image = opaque.convert(mode)
        data = _saved(image, "ppm")
        assert data.startswith(letter)
        yield Cell("PPM", kind, "8 bits", "ppm", data, image)
    for most, mode in product((15, 255, 1023, 65535), ("L", "RGB")):
        values = np.round(channels(mode) * most).astype(">u2" if most > 255 else "u1")
        head = b"P%d %d %d %d\n" % (5 if mode == "L" else 6, WIDTH, HEIGHT, most)
        truth = image_of(np.round(channels(mode) * most) / most)
        yield Cell(
            "PPM", f"{WORDS[mode]}, up to {most}", "binary", "ppm", head + values.tobytes(), truth
        )
    for mode, packed in product(("L", "P", "RGB", "RGBA"), (False, True)):
        image = (clear if mode == "RGBA" else opaque).convert(mode)
        data = _saved(image, "tga", compression="tga_rle" if packed else None)
        yield Cell(
            "TGA", WORDS[mode], "run lengths" if packed else "not packed", "tga", data, image
        )


def psds() -> Iterator[Cell]:
    """Photoshop documents: Adobe's specification, file header and image data."""
    opaque, extra = image_of(scene()), Image.linear_gradient("L").resize((WIDTH, HEIGHT))
    lab = ImageCms.profileToProfile(
        opaque, ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB"
    )
    assert lab
    pictures = {"grey": (1, opaque.convert("L")), "RGB": (3, opaque), "Lab": (9, lab)}
    for (words, (number, image)), more in product(pictures.items(), (0, 1, 2)):
        planes = [plane.tobytes() for plane in (*image.split(), *[extra] * more)]
        head = b"8BPS\0\1" + bytes(6)
        head += struct.pack(">HIIHH", len(planes), HEIGHT, WIDTH, 8, number) + bytes(12)
        truth = opaque if words == "Lab" else image
        detail = f"{more} saved selection{'s' * (more != 1)}"
        data = head + b"\0\0" + b"".join(planes)
        yield Cell("PSD", words, detail, "psd", data, truth, 2.5 if words == "Lab" else 1)


def _saved(image: Image.Image, format: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def _adobe_rgb() -> bytes:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0xA001] = 2
    return exif.tobytes()
