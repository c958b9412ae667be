"""`--previews`: the preview that a camera puts into its JPEGs, in place of the picture."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageChops, ImageCms, ImageDraw, ImageEnhance, ImageOps, ImageStat
from support.camera_jpegs import photo, scene
from support.pictures import corners, quarters
from support.program import make, thumbnailer

from thumbnailer import PictureError, make_thumbnail

RED, GREEN = Image.new("RGB", (1280, 960), "red"), Image.new("RGB", (160, 120), "lime")
PREVIEW = (160, 120)


def thumbnail(data: bytes, folder: Path, previews: str, **looks: Any) -> Image.Image:
    """What a picture of these bytes becomes, at 128 px if nothing else is said."""
    (folder / "a.jpg").write_bytes(data)
    looks = {"size": 128} | looks
    make_thumbnail(folder / "a.jpg", folder / "thumbnail.png", previews=previews, **looks)
    with Image.open(folder / "thumbnail.png") as image:
        image.load()
    return image


def is_used(data: bytes, folder: Path, previews: str, **looks: Any) -> bool:
    """Whether the thumbnail is another than the picture's own."""
    one = thumbnail(data, folder, previews, **looks)
    other = thumbnail(data, folder, "never", **looks)
    assert one.size == other.size
    return one.tobytes() != other.tobytes()


def test_the_picture_itself_is_shown_if_nothing_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(photo(RED, GREEN))
    make(tmp_path)
    with Image.open(tmp_path / "thumbs" / "a.jpg") as image:
        assert corners(image) == ["red"] * 4


def test_a_preview_is_trusted(tmp_path: Path) -> None:
    assert corners(thumbnail(photo(RED, GREEN), tmp_path, "trust")) == ["lime"] * 4


@pytest.mark.parametrize("size", [(1280, 960), (1283, 961), (2999, 2251)])
def test_sizes_are_those_of_the_picture(tmp_path: Path, size: tuple[int, int]) -> None:
    preview = GREEN.resize((160, round(160 * size[1] / size[0])))
    data = photo(RED.resize(size), preview, quality=30)
    assert is_used(data, tmp_path, "trust", size=100)
    assert is_used(data, tmp_path, "trust", size="77x55", fit="cover")
    assert is_used(data, tmp_path, "trust", size="90x100", fit="pad", sharpen=True)


def test_a_preview_is_turned_as_the_picture_is(tmp_path: Path) -> None:
    data = photo(quarters((960, 720)), quarters(PREVIEW), picture={0x0112: (3, 6)})
    assert is_used(data, tmp_path, "trust")
    assert corners(thumbnail(data, tmp_path, "trust")) == ["blue", "red", "white", "lime"]


def test_a_preview_must_be_large_enough_for_all_thumbnails(tmp_path: Path) -> None:
    data = photo(RED, GREEN)
    assert is_used(data, tmp_path, "trust", size=160)
    assert not is_used(data, tmp_path, "trust", size=162)
    run = make(tmp_path, "--previews", "trust", "-s", "64", "-s", "300")
    for row in run.rows[0]["thumbnails"]:
        with Image.open(row["path"]) as image:
            assert corners(image) == ["red"] * 4


def test_a_larger_preview_behind_the_picture_is_found(tmp_path: Path) -> None:
    data = photo(RED, GREEN, large=Image.new("RGB", (640, 480), "blue"))
    assert corners(thumbnail(data, tmp_path, "trust", size=100)) == ["lime"] * 4
    assert corners(thumbnail(data, tmp_path, "trust", size=600)) == ["blue"] * 4
    assert corners(thumbnail(data, tmp_path, "trust", size=700)) == ["red"] * 4


WIDE, TALL = RED.resize((1500, 1000)), RED.resize((1000, 1500))


@pytest.mark.parametrize(
    ("picture", "content", "place"),
    [
        (WIDE, (160, 107), (0, 7)),
        (WIDE, (160, 104), (0, 8)),
        (TALL, (80, 120), (40, 0)),
    ],
)
def test_black_bars_are_cut_off(
    tmp_path: Path, picture: Image.Image, content: tuple[int, int], place: tuple[int, int]
) -> None:
    preview = Image.new("RGB", PREVIEW)
    preview.paste("lime", (*place, place[0] + content[0], place[1] + content[1]))
    image = thumbnail(photo(picture, preview), tmp_path, "trust", size=80)
    assert corners(image) == ["lime"] * 4
    assert min(image.getchannel("G").tobytes()) > 200


@pytest.mark.parametrize("bars", [(0, 0), (0, 13), (6, 8), (3, 3), (20, 20), (60, 60)])
def test_what_is_no_pair_of_bars_is_not_cut_off(tmp_path: Path, bars: tuple[int, int]) -> None:
    preview = Image.new("RGB", PREVIEW)
    preview.paste("lime", (0, bars[0], 160, 120 - bars[1]))
    assert not is_used(photo(WIDE, preview), tmp_path, "trust", size=80)


def test_bars_that_are_not_black_are_not_cut_off(tmp_path: Path) -> None:
    preview = Image.new("RGB", PREVIEW, "white")
    preview.paste("lime", (0, 7, 160, 113))
    assert not is_used(photo(WIDE, preview), tmp_path, "trust", size=80)


@pytest.mark.parametrize(
    "size", [(120, 160), (160, 100), (1600, 1200)], ids=["upright", "wide", "larger"]
)
def test_a_preview_of_another_shape_is_not_used(tmp_path: Path, size: tuple[int, int]) -> None:
    assert not is_used(photo(RED, GREEN.resize(size)), tmp_path, "trust", size=64)


LATER = (2, b"2024:05:01 12:00:01\0")
XMP = b"http://ns.adobe.com/xap/1.0/\0<x xmp:%b='2024-05-02T08:00:00'/>"


def segment(kind: int, body: bytes) -> bytes:
    return b"\xff" + bytes([kind]) + struct.pack(">H", len(body) + 2) + body


@pytest.mark.parametrize(
    "signs",
    [
        {"picture": {0x0132: LATER}},
        {"taking": {0x9003: (0, 0)}},
        {"picture": {0x0132: (0, 0)}, "taking": {0x9003: (0, 0)}},
        {"taking": {0xA002: (4, 2560), 0xA003: (4, 1920)}},
        {"taking": {0xA002: (4, 960), 0xA003: (4, 1280)}},
        {"in_preview": {0x0112: (3, 3)}},
        {"segments": segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0")},
        {"segments": segment(0xED, b"Photoshop 3.0\0")},
        {"segments": segment(0xEE, b"Adobe\0\x64\0\0\0\0\1")},
        {"segments": segment(0xE1, XMP % b"ModifyDate")},
        {"progressive": True},
    ],
    ids=lambda signs: str(signs)[:40],
)
def test_a_preview_that_may_be_older_than_an_edit_is_not_used(
    tmp_path: Path, signs: dict[str, Any]
) -> None:
    assert not is_used(photo(RED, GREEN, **signs), tmp_path, "trust")


@pytest.mark.parametrize(
    "others",
    [
        {"picture": {0x0132: (0, 0)}},
        {"picture": {0x0131: (2, b"Ver.1.00 \0")}},
        {"picture": {0x0112: (3, 3)}, "in_preview": {0x0112: (3, 3)}},
        {"segments": segment(0xE1, XMP % b"Rating")},
    ],
    ids=lambda others: str(others)[:40],
)
def test_what_cameras_write_is_no_edit(tmp_path: Path, others: dict[str, Any]) -> None:
    assert is_used(photo(RED, GREEN, **others), tmp_path, "trust")


def test_what_is_saved_anew_with_its_old_exif_data_is_decoded(tmp_path: Path) -> None:
    """The most frequent way for a preview to be of another state than its picture."""
    (tmp_path / "camera.jpg").write_bytes(photo(RED, GREEN))
    with Image.open(tmp_path / "camera.jpg") as image:
        image.save(tmp_path / "edited.jpg", exif=image.info["exif"])
    assert not is_used((tmp_path / "edited.jpg").read_bytes(), tmp_path, "trust")


def test_colours_other_than_srgb_are_not_trusted_and_can_be_verified(tmp_path: Path) -> None:
    image = scene(1)
    data = photo(image, image.resize(PREVIEW), taking={0xA001: (3, 2)})  # Adobe RGB
    assert not is_used(data, tmp_path, "trust")
    assert is_used(data, tmp_path, "verify")
    kinds = [(data, "verify"), (data, "never"), (photo(image, None), "never")]
    means = [ImageStat.Stat(thumbnail(one, tmp_path, how)).mean[0] for one, how in kinds]
    assert abs(means[0] - means[1]) < 2 < abs(means[1] - means[2])


def test_a_grey_picture_with_a_coloured_preview_is_decoded(tmp_path: Path) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    data = photo(RED.convert("L"), GREEN)
    assert not is_used(data, tmp_path, "trust")
    assert not is_used(photo(RED, GREEN, icc_profile=profile), tmp_path, "trust")


def crop(share: float) -> Callable[[Image.Image], Image.Image]:
    def cut(image: Image.Image) -> Image.Image:
        width, height = image.size
        box = width * share, height * share, width * (1 - share), height * (1 - share)
        return image.resize(image.size, box=box)

    return cut


def titled(image: Image.Image, y: float) -> Image.Image:
    image = image.copy()
    size = image.width // 8
    draw = ImageDraw.Draw(image)
    draw.text((size, image.height * y), "HOLIDAY", fill="white", font_size=size)
    return image


EDITS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "another": lambda image: scene(99, image.size),
    "mirrored": ImageOps.mirror,
    "flipped": ImageOps.flip,
    "upside down": lambda image: image.rotate(180),
    "black and white": lambda image: image.convert("L").convert("RGB"),
    "brighter": lambda image: ImageEnhance.Brightness(image).enhance(1.15),
    "more contrast": lambda image: ImageEnhance.Contrast(image).enhance(1.25),
    "more colour": lambda image: ImageEnhance.Color(image).enhance(1.13),
    "warmer": lambda image: ImageChops.multiply(image, Image.new("RGB", image.size, "#ffffcc")),
    "cropped": crop(0.05),
    "with titles": lambda image: titled(titled(image, 0.0), 0.85),
}


@pytest.mark.parametrize("options", [{}, {"restart_marker_rows": 1}], ids=["plain", "markers"])
def test_a_preview_of_the_picture_is_verified(tmp_path: Path, options: dict[str, Any]) -> None:
    for seed in range(5):
        image = scene(seed)
        data = photo(image, image.resize(PREVIEW), **options)
        assert is_used(data, tmp_path, "verify"), seed
    grey = scene(1).convert("L")
    assert is_used(photo(grey, grey.resize(PREVIEW), **options), tmp_path, "verify")


@pytest.mark.parametrize("options", [{}, {"restart_marker_rows": 1}], ids=["plain", "markers"])
@pytest.mark.parametrize("edit", EDITS)
@pytest.mark.few(2)
def test_a_preview_of_anything_else_is_not(
    tmp_path: Path, edit: str, options: dict[str, Any]
) -> None:
    for seed in range(3):
        image = scene(seed)
        data = photo(EDITS[edit](image), image.resize(PREVIEW), **options)
        assert is_used(data, tmp_path, "trust"), "nothing else speaks against it"
        assert not is_used(data, tmp_path, "verify"), seed


def spotted(image: Image.Image) -> Image.Image:
    image = image.copy()
    box = (320, 32, 360, 68)
    part = image.crop(box)
    change = -75 if ImageStat.Stat(part).mean[0] > 127 else 75
    image.paste(part.point([min(255, max(0, value + change)) for value in range(256)]), box)
    return image


GREY_EDITS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "mirrored": ImageOps.mirror,
    "lighter": lambda image: image.point([min(255, value + 9) for value in range(256)]),
    "more contrast": lambda image: ImageEnhance.Contrast(image).enhance(1.12),
    "with a spot": spotted,
}


@pytest.mark.parametrize("edit", GREY_EDITS)
@pytest.mark.parametrize("contrast", [1, 0.4])
def test_nor_is_one_of_another_state_of_a_grey_picture(
    tmp_path: Path, edit: str, contrast: float
) -> None:
    for seed in range(3):
        image = ImageEnhance.Contrast(scene(seed).convert("L")).enhance(contrast)
        data = photo(GREY_EDITS[edit](image), image.resize(PREVIEW))
        assert is_used(data, tmp_path, "verify") == (edit == "more contrast" and contrast < 1)


@pytest.mark.parametrize("rows", [0, 1, 2])
def test_the_bottom_is_seen_where_there_are_restart_markers(tmp_path: Path, rows: int) -> None:
    image = scene(4)
    data = photo(titled(image, 0.85), image.resize(PREVIEW), restart_marker_rows=rows)
    assert is_used(data, tmp_path, "verify") == (rows == 0)


@pytest.mark.parametrize("blocks", [4, 7, 100, 81])
def test_restart_markers_may_be_anywhere(tmp_path: Path, blocks: int) -> None:
    image = scene(2)
    own, other = image.resize(PREVIEW), scene(3).resize(PREVIEW)
    options: dict[str, Any] = {"restart_marker_blocks": blocks}
    assert not is_used(photo(image, other, **options), tmp_path, "verify")
    assert is_used(photo(image, own, **options), tmp_path, "verify")


def test_a_top_that_shows_nothing_proves_nothing(tmp_path: Path) -> None:
    image = scene(1)
    image.paste("skyblue", (0, 0, image.width, image.height // 3))
    assert not is_used(photo(image, image.resize(PREVIEW)), tmp_path, "verify")
    grey = scene(1)
    top = (0, 0, grey.width, grey.height // 3)
    grey.paste(grey.crop(top).convert("L").convert("RGB"), top)
    assert not is_used(photo(grey, grey.resize(PREVIEW)), tmp_path, "verify")


def test_a_truncated_picture_fails_if_its_preview_is_verified(tmp_path: Path) -> None:
    image = scene(1)
    data = photo(image, image.resize(PREVIEW))
    cut = data[: len(data) * 2 // 3]
    with pytest.raises(PictureError, match="truncated at"):
        thumbnail(cut, tmp_path, "verify")
    assert thumbnail(cut, tmp_path, "trust").size == (128, 96)
    assert is_used(data + bytes(5000), tmp_path, "verify")


@pytest.mark.parametrize(
    "nonsense",
    [
        {"preview_bytes": b""},
        {"preview_bytes": b"\x89PNG\r\n\x1a\n" + bytes(100)},
        {"preview_bytes": b"\xff\xd8\xff\xd9"},
        {"in_preview": {0x0201: (4, 0xFFFFFFF0)}},
        {"in_preview": {0x0202: (4, 0xFFFFFFFF), 0x0201: (4, 7)}},
        {"in_preview": {0x0202: (2, b"not a number\0")}},
    ],
    ids=lambda nonsense: str(nonsense)[:40],
)
def test_previews_that_make_no_sense_cost_nothing(tmp_path: Path, nonsense: dict[str, Any]) -> None:
    for previews in ("trust", "verify"):
        assert not is_used(photo(RED, GREEN, **nonsense), tmp_path, previews)


def test_a_truncated_preview_is_not_used(tmp_path: Path) -> None:
    whole = photo(RED, scene(1).resize(PREVIEW))
    start = whole.index(b"\xff\xd8", 2)
    inner = whole[start : whole.index(b"\xff\xd9", start)]
    data = photo(RED, None, preview_bytes=inner[: len(inner) // 2])
    assert not is_used(data, tmp_path, "trust")


def test_directories_in_a_circle_end(tmp_path: Path) -> None:
    data = bytearray(photo(RED, GREEN))
    at = data.index(b"Exif\0\0") + 6
    count = int.from_bytes(data[at + 8 : at + 10])
    struct.pack_into(">I", data, at + 10 + 12 * count, 8)
    assert not is_used(bytes(data), tmp_path, "trust")


@pytest.mark.slow
def test_damage_anywhere_in_the_header_ends_as_a_picture_or_a_reason(tmp_path: Path) -> None:
    image = scene(1, (640, 480))
    data = photo(image, image.resize(PREVIEW), large=image.resize((320, 240)))
    chance = random.Random(7)
    made = 0
    for _ in range(300):
        damaged = bytearray(data)
        for _ in range(chance.randrange(1, 20)):
            damaged[chance.randrange(2, 12_000)] = chance.randrange(256)
        with suppress(PictureError):
            made += bool(thumbnail(bytes(damaged), tmp_path, chance.choice(["trust", "verify"])))
    assert made > 30


def test_pictures_without_previews_are_made_as_ever(tmp_path: Path) -> None:
    for name in ("a.png", "a.webp", "a.gif", "plain.jpg"):
        RED.save(tmp_path / name)
    run = make(tmp_path, "--previews", "verify", "--size", "64")
    assert run.summary["made"] == 4


@pytest.mark.slow
def test_another_choice_makes_thumbnails_stale(photos: Path) -> None:
    (photos / "a.jpg").write_bytes(photo(RED, GREEN))
    assert make(photos, "-s", "128").summary["made"] == 1
    assert make(photos, "-s", "128", "--previews", "never").summary["current"] == 1
    assert make(photos, "-s", "128", "--previews", "trust").summary["made"] == 1
    assert make(photos, "-s", "128", "--previews", "trust").summary["current"] == 1
    assert make(photos, "-s", "128").summary["made"] == 1


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (["-s", "128"], "  embedded preview: 160 x 120 px, not used"),
        (["-s", "128", "--previews", "trust"], "  made from the embedded preview: 160 x 120 px"),
        (
            ["-s", "128", "--previews", "verify"],
            "  embedded preview: 160 x 120 px, not used: it differs from the picture",
        ),
        (
            ["--previews", "trust"],
            "  embedded preview: 160 x 120 px, not used: it is smaller than the thumbnail",
        ),
    ],
)
@pytest.mark.few(1)
def test_explain_says_whether_it_is_used(photos: Path, options: list[str], line: str) -> None:
    data = photo(scene(1), scene(2).resize(PREVIEW))
    (photos / "a.jpg").write_bytes(data)
    out = thumbnailer("explain", photos / "a.jpg", *options).out
    assert line in out.splitlines()
    assert ("decoded" in out) == ("made from" not in line)


@pytest.mark.slow
def test_camera_pictures_look_like_themselves(corpus: Path, tmp_path: Path) -> None:
    used = {"trust": 0, "verify": 0}
    for path in sorted((corpus / "camera").iterdir()):
        own = thumbnail(path.read_bytes(), tmp_path, "never")
        for previews in used:
            made = thumbnail(path.read_bytes(), tmp_path, previews)
            assert made.size == own.size
            used[previews] += made.tobytes() != own.tobytes()
            difference = ImageStat.Stat(ImageChops.difference(made, own).resize((16, 12)))
            assert max(difference.rms) < 20, path.name
    assert used["trust"] >= 20
    assert used["verify"] >= 12


@pytest.mark.slow
def test_no_camera_picture_is_taken_for_another(corpus: Path, tmp_path: Path) -> None:
    """Each picture as if it had just been taken, with the preview of each."""
    images: list[Image.Image] = []
    previews: list[Image.Image] = []
    for path in sorted((corpus / "camera").iterdir())[::3]:
        with Image.open(path) as opened:
            opened.draft("RGB", (800, 800))
            images.append(opened.convert("RGB"))
        previews.append(images[-1].resize(PREVIEW, Image.Resampling.LANCZOS))
    right = 0
    for one, image in enumerate(images):
        for other, preview in enumerate(previews):
            shape = round(PREVIEW[0] * image.height / image.width)
            data = photo(image, preview.resize((160, shape)))
            if is_used(data, tmp_path, "verify", size=64):
                assert one == other
                right += 1
    assert right >= 8
