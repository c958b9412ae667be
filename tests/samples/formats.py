"""Which scene is saved how: the file formats, EXIF data and colour profiles."""

import struct
from io import BytesIO
from math import pi
from pathlib import Path

from PIL import ExifTags, Image, ImageCms

from .balloons import balloon_cutout, balloon_ride
from .canvas import Size
from .close_ups import picnic, poppies, still_life
from .landscapes import birches, lake_cafe, lighthouse, moonlit, skyline, sunset, windmill

WIDE: Size = (1200, 800)


def display_p3() -> bytes:
    """An ICC profile with the Display P3 primaries and a plain gamma of 2.2."""

    def fixed(*values: float) -> bytes:
        return struct.pack(f">{len(values)}i", *(round(value * 65536) for value in values))

    name, white = b"P3 colours, gamma 2.2\0", fixed(0.9642, 1.0, 0.8249)
    curve = struct.pack(">4s4xIH", b"curv", 1, round(2.2 * 256))
    tags = {
        b"desc": struct.pack(">4s4xI", b"desc", len(name)) + name + bytes(78),
        b"cprt": b"text\0\0\0\0No copyright, use freely\0",
        b"wtpt": b"XYZ \0\0\0\0" + white,
        b"rXYZ": b"XYZ \0\0\0\0" + fixed(0.5151, 0.2412, -0.0011),
        b"gXYZ": b"XYZ \0\0\0\0" + fixed(0.2919, 0.6922, 0.0419),
        b"bXYZ": b"XYZ \0\0\0\0" + fixed(0.1572, 0.0666, 0.7841),
        **dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve),
    }
    table, body = struct.pack(">I", len(tags)), b""
    for tag, data in tags.items():
        table += struct.pack(">4sII", tag, 132 + 12 * len(tags) + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    size, made = 128 + len(table) + len(body), (2026, 1, 1, 0, 0, 0)
    kind = struct.pack(">I4xI12s6H4s", size, 0x02100000, b"mntrRGB XYZ ", *made, b"acsp")
    return (kind + bytes(28) + white).ljust(128, b"\0") + table + body


def to_profile(picture: Image.Image, profile: bytes) -> Image.Image:
    """The same sRGB colours, expressed in the numbers of another profile."""
    target = ImageCms.ImageCmsProfile(BytesIO(profile))
    moved = ImageCms.profileToProfile(picture, ImageCms.createProfile("sRGB"), target)
    assert moved is not None  # only an in-place conversion returns nothing
    return moved


def write_samples(folder: Path) -> None:
    """Draw and save every sample."""
    holiday = folder / "holiday 2026"
    holiday.mkdir(parents=True, exist_ok=True)
    write_jpegs(folder, holiday)

    balloon_cutout((900, 900)).save(folder / "transparent-balloon.png", optimize=True)
    moonlit((600, 400)).save(folder / "deep16-moonlit-hills.png", optimize=True)
    picnic(WIDE).save(folder / "picnic.webp", quality=82, method=6)
    skyline(WIDE).save(folder / "night-skyline.avif", quality=70)

    turns = [windmill((320, 240), pi / 2 * k / 10) for k in range(10)]
    first = turns[0].quantize(255)
    rest = [turn.quantize(palette=first) for turn in turns[1:]]  # shared colours do not flicker
    gif = folder / "animated-windmill.gif"
    first.save(gif, save_all=True, append_images=rest, duration=90, loop=0)

    cover, *others = (scene((800, 600)) for scene in (balloon_ride, sunset, skyline))
    tiff = folder / "three-pages-balloons.tif"
    cover.save(tiff, save_all=True, append_images=others, compression="jpeg", quality=85)


def write_jpegs(folder: Path, holiday: Path) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6  # stands upright once turned a quarter clockwise
    exif[ExifTags.Base.Make] = "Sample"
    exif[ExifTags.Base.Model] = "Pocket Camera 6"
    exif[ExifTags.Base.DateTime] = "2026:07:14 21:08:30"
    lying = lighthouse((1200, 1600)).transpose(Image.Transpose.ROTATE_90)
    lying.save(folder / "phone-portrait-lighthouse.jpg", quality=86, exif=exif)

    profile, p3 = display_p3(), folder / "display-p3-poppies.jpg"
    to_profile(poppies(WIDE), profile).save(p3, quality=88, icc_profile=profile)

    still_life(WIDE).convert("CMYK").save(folder / "cmyk-still-life.jpg", quality=86)
    sunset((2000, 1333)).save(folder / "progressive-sunset.jpg", quality=86, progressive=True)
    birches((900, 600)).convert("L").save(folder / "grey-birches.jpg", quality=86)
    # Escaped, as the accent may be one character or two, and the file's name must not vary.
    lake_cafe(WIDE).save(holiday / "Caf\u00e9 am See.jpg", quality=86)
