"""Animations: the first frame, or all of them."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

import pytest
from PIL import ExifTags, Image, ImageChops, ImageSequence, ImageStat
from support.bombs import chunk
from support.pictures import corners, noise, picture, quarters
from support.program import make

from thumbnailer import PictureError, make_thumbnail

DURATIONS = [100, 250, 40, 500]


def frames(mode: str = "RGB", size: tuple[int, int] = (120, 80)) -> list[Image.Image]:
    """A square that moves to the right; with alpha, on nothing but a line."""
    pictures = []
    for at in range(4):
        image = Image.new("RGBA", size, (0, 0, 0, 0) if mode == "RGBA" else "navy")
        image.paste("lime", (0, 0, size[0], 10))
        image.paste("red", (at * 30, 30, at * 30 + 30, 60))
        pictures.append(image.convert(mode))
    return pictures


def test_a_crop_shows_the_same_part_of_all_frames(tmp_path: Path) -> None:
    """The centre, however far what is looked at moves; else the picture would jump."""
    first, *others = frames(size=(140, 40))
    first.save(tmp_path / "a.webp", save_all=True, append_images=others, lossless=True)
    for crop in ("entropy", "attention"):
        shown, _ = stills(
            moving(tmp_path / "a.webp", size="40x40", fit="cover", crop=crop, quality=95)
        )
        assert len(shown) == 4
        for frame, whole in zip(shown, (first, *others), strict=True):
            centre = whole.crop((50, 0, 90, 40))
            difference = ImageChops.difference(frame.convert("RGB"), centre)
            assert max(ImageStat.Stat(difference).mean) < 9


def animation(path: Path, mode: str = "RGB", **options: Any) -> Path:
    first, *others = frames(mode)
    settings: dict[str, Any] = {"duration": DURATIONS, "loop": 0, **options}
    if path.suffix == ".webp":
        settings |= {"lossless": True}
    if path.suffix == ".gif" and mode == "RGBA":
        settings |= {"disposal": 2}
    first.save(path, save_all=True, append_images=others, **settings)
    return path


def moving(source: Path, format: str = "webp", **options: Any) -> Image.Image:
    target = source.parent / "out"
    made = make_thumbnail(source, target, format=format, animated=True, **options)
    image = Image.open(io.BytesIO(target.read_bytes()))
    assert image.size == (made.width, made.height)
    assert image.format == format.upper()
    return image


def stills(image: Image.Image) -> tuple[list[Image.Image], list[int]]:
    """Each frame as it is shown, and how long, in ms."""
    pictures, durations = [], []
    for frame in ImageSequence.Iterator(image):
        pictures.append(frame.convert("RGBA"))
        durations.append(round(frame.info["duration"]))
    return pictures, durations


def difference(one: Image.Image, other: Image.Image) -> float:
    """How far apart two pictures are on white and on black, 0 to 255."""
    differences = []
    for colour in ("white", "black"):
        sides = []
        for image in (one, other):
            canvas = Image.new("RGBA", image.size, colour)
            canvas.alpha_composite(image.convert("RGBA"))
            sides.append(canvas.convert("RGB"))
        differences += ImageStat.Stat(ImageChops.difference(*sides)).rms
    return max(differences)


SOURCES = ("gif", "webp", "png", "avif")


@pytest.mark.parametrize("format", ["webp", "gif"])
@pytest.mark.parametrize("ending", SOURCES)
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_all_frames_are_there_with_their_durations(
    tmp_path: Path, format: str, ending: str, mode: str
) -> None:
    out = moving(animation(tmp_path / f"a.{ending}", mode), format, size=60, quality=95)
    assert out.size == (60, 40)
    pictures, durations = stills(out)
    assert durations == DURATIONS
    for frame, original in zip(pictures, frames(mode), strict=True):
        small = original.resize((60, 40), Image.Resampling.LANCZOS)
        assert difference(frame, small) < 30  # WebP halves the colours


@pytest.mark.parametrize("format", ["jpeg", "png", "avif", "webp", "gif"])
@pytest.mark.parametrize("ending", SOURCES)
def test_without_being_asked_the_first_frame_is_shown(
    tmp_path: Path, ending: str, format: str
) -> None:
    source = animation(tmp_path / f"a.{ending}")
    target = tmp_path / "out"
    make_thumbnail(source, target, format=format)
    with Image.open(target) as image:
        assert getattr(image, "n_frames", 1) == 1
        assert difference(image.convert("RGBA"), frames()[0]) < 16


@pytest.mark.parametrize("format", ["jpeg", "png", "avif"])
def test_other_formats_show_the_first_frame(tmp_path: Path, format: str) -> None:
    image = moving(animation(tmp_path / "a.gif"), format)
    assert getattr(image, "n_frames", 1) == 1
    assert difference(image.convert("RGBA"), frames()[0]) < 16


@pytest.mark.parametrize("ending", SOURCES)
@pytest.mark.parametrize("format", ["webp", "gif"])
def test_a_still_stays_one(tmp_path: Path, ending: str, format: str) -> None:
    image = moving(picture(tmp_path / f"a.{ending}"), format)
    assert getattr(image, "n_frames", 1) == 1
    assert corners(image) == ["red", "lime", "blue", "white"]


@pytest.mark.parametrize("name", ["a.tif", "a.mpo"])
def test_pages_are_no_frames(tmp_path: Path, name: str) -> None:
    first = quarters((64, 64))
    first.save(tmp_path / name, save_all=True, append_images=[Image.new("RGB", (64, 64))])
    image = moving(tmp_path / name)
    assert getattr(image, "n_frames", 1) == 1
    assert corners(image) == ["red", "lime", "blue", "white"]


# How often it is shown, 0 for ever → what a format says of it. A GIF counts repetitions.
LOOPS: dict[int, dict[str, int | None]]
LOOPS = {0: {"gif": 0, "webp": 0, "png": 0}, 1: {"gif": None, "webp": 1, "png": 1}}
LOOPS[5] = {"gif": 4, "webp": 5, "png": 5}


@pytest.mark.parametrize("plays", LOOPS)
@pytest.mark.parametrize("format", ["webp", "gif"])
@pytest.mark.parametrize("ending", ["gif", "webp", "png"])
def test_it_runs_as_often_as_before(tmp_path: Path, ending: str, format: str, plays: int) -> None:
    source = animation(tmp_path / f"a.{ending}", loop=LOOPS[plays][ending])
    assert moving(source, format).info.get("loop") == LOOPS[plays][format]


@pytest.mark.parametrize("default", [False, True])
def test_an_apng_may_begin_with_a_still_that_is_none_of_its_frames(
    tmp_path: Path, default: bool
) -> None:
    first = Image.new("RGB", (120, 80), "olive")
    options: dict[str, Any] = {"default_image": default}
    options["append_images"] = frames()[0 if default else 1 :]
    start = first if default else frames()[0]
    start.save(tmp_path / "a.png", save_all=True, duration=DURATIONS, loop=0, **options)
    pictures, durations = stills(moving(tmp_path / "a.png", quality=95))
    assert durations == DURATIONS
    for image, original in zip(pictures, frames(), strict=True):
        assert difference(image, original) < 16
    make_thumbnail(tmp_path / "a.png", tmp_path / "still.png")
    with Image.open(tmp_path / "still.png") as image:
        assert image.convert("RGB").tobytes() == start.tobytes()


@pytest.mark.parametrize("disposal", [1, 2, 3])
def test_frames_that_hold_a_part_only_are_shown_whole(tmp_path: Path, disposal: int) -> None:
    """A GIF by hand, of a green frame and small red ones that go away or stay (GIF89a, 23)."""
    palette = b"\0\0\0\0\xff\0\xff\0\0\0\0\0"  # black, green, red

    def frame(box: tuple[int, int, int, int], colour: int, disposal: int) -> bytes:
        image = Image.new("P", box[2:], colour)
        image.putpalette(palette)
        buffer = io.BytesIO()
        image.save(buffer, "gif", optimize=False, interlace=0)
        data = buffer.getvalue()
        pixels = data[data.index(b",", 13 + 3 * 2 ** ((data[10] & 7) + 1)) + 10 : -1]
        control = b"!\xf9\4" + bytes([disposal << 2]) + struct.pack("<H", 10) + b"\0\0"
        return control + b"," + struct.pack("<4HB", *box, 0) + pixels

    parts = frame((0, 0, 40, 40), 1, 1)
    parts += frame((0, 0, 20, 20), 2, disposal) + frame((20, 20, 20, 20), 2, disposal)
    head = b"GIF89a" + struct.pack("<HHBBB", 40, 40, 0x81, 0, 0) + palette
    (tmp_path / "a.gif").write_bytes(head + parts + b";")
    last = stills(moving(tmp_path / "a.gif", "webp", quality=100))[0][-1].convert("RGB")
    left = last.getpixel((10, 10))
    assert isinstance(left, tuple)
    names = {1: (255, 0, 0), 2: (0, 0, 0), 3: (0, 255, 0)}
    assert max(abs(a - b) for a, b in zip(left, names[disposal], strict=True)) < 20
    assert last.getpixel((30, 30))[0] > 200  # type: ignore[index]


@pytest.mark.parametrize("fit", ["contain", "cover", "pad", "fill"])
def test_frames_are_fitted_like_a_still(tmp_path: Path, fit: str) -> None:
    source = animation(tmp_path / "a.gif")
    options: dict[str, Any] = {"size": "40x40", "fit": fit, "background": "olive"}
    make_thumbnail(source, tmp_path / "still.webp", quality=95, **options)
    with Image.open(tmp_path / "still.webp") as still:
        first, *_ = stills(moving(source, "webp", quality=95, **options))[0]
        assert first.size == still.size
        assert difference(first, still) < 10


def test_frames_are_turned_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    out = moving(animation(tmp_path / "a.webp", exif=exif), quality=95)
    assert out.size == (80, 120)
    assert "exif" not in out.info
    for image, original in zip(stills(out)[0], frames(), strict=True):
        assert difference(image, original.transpose(Image.Transpose.ROTATE_270)) < 16


def test_metadata_is_kept_in_an_animation(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif.update({ExifTags.Base.Orientation: 1, ExifTags.Base.Copyright: "Ann"})
    source = animation(tmp_path / "a.webp", exif=exif)
    assert dict(moving(source, keep=("copyright",)).getexif()) == {ExifTags.Base.Copyright: "Ann"}


@pytest.mark.parametrize("format", ["webp", "gif"])
def test_an_animation_can_be_made_to_fit(tmp_path: Path, format: str) -> None:
    pictures = [noise((120, 80), 90 + at, at).convert("RGB") for at in range(3)]
    pictures[0].save(tmp_path / "a.png", save_all=True, append_images=pictures[1:], duration=100)
    target = tmp_path / "out"
    options: dict[str, Any] = {"format": format, "animated": True}
    whole = make_thumbnail(tmp_path / "a.png", target, **options).size_bytes
    made = make_thumbnail(tmp_path / "a.png", target, max_bytes=whole // 2, **options)
    assert whole // 5 < made.size_bytes <= whole // 2
    with Image.open(target) as image:
        assert len(stills(image)[0]) == 3
    with pytest.raises(PictureError, match="is longer than 99 bytes even"):
        make_thumbnail(tmp_path / "a.png", target, max_bytes=99, **options)


@pytest.mark.parametrize(
    ("durations", "expected"),
    [
        ([33, 47, 4, 0], [30, 50, 10, 0]),
        ([33, 33, 33, 33], [30, 40, 30, 30]),
        ([25, 25, 25, 25], [20, 30, 30, 20]),
        ([16, 16, 16, 16], [20, 40]),
    ],
)
def test_durations_are_as_close_as_a_gif_can_say(
    tmp_path: Path, durations: list[int], expected: list[int]
) -> None:
    source = animation(tmp_path / "a.webp", duration=durations)
    assert stills(moving(source, "gif"))[1] == expected


@pytest.mark.parametrize("milliseconds", [11, 12, 14, 15, 16, 19, 23, 33, 42])
def test_an_animation_takes_as_long_in_a_gif(tmp_path: Path, milliseconds: int) -> None:
    """Though it knows hundredths of a second only, and browsers show one of them for ten."""
    image = Image.linear_gradient("L").resize((40, 40))
    first, *others = [image.rotate(10 * turn) for turn in range(20)]
    options: dict[str, Any] = {"save_all": True, "duration": milliseconds, "loop": 0}
    first.save(tmp_path / "a.webp", lossless=True, append_images=others, **options)
    shown = stills(moving(tmp_path / "a.webp", "gif"))[1]
    assert abs(sum(shown) - 20 * milliseconds) <= 10
    assert min(shown) >= 20


def test_two_short_frames_stay_two(tmp_path: Path) -> None:
    first, other, *_ = frames()
    first.save(tmp_path / "a.webp", save_all=True, append_images=[other], duration=14)
    assert stills(moving(tmp_path / "a.webp", "gif"))[1] == [20, 20]


def test_nothing_of_what_was_before_is_left_in_a_frame(tmp_path: Path) -> None:
    """Slow changes of light, which an encoder that stores differences only takes for none."""
    ramp = Image.linear_gradient("L").resize((160, 120))
    scene = Image.merge("RGB", [ramp.rotate(turn) for turn in (0, 90, 180)])
    pictures = [scene.point(lambda value, at=at: value * (30 + at) / 100) for at in range(60)]
    first, *others = pictures
    options: dict[str, Any] = {"save_all": True, "duration": 40, "loop": 0}
    first.save(tmp_path / "a.png", append_images=others, **options)
    shown, durations = stills(moving(tmp_path / "a.png", "webp", size=160))
    each = [frame for frame, time in zip(shown, durations, strict=True) for _ in range(time // 40)]
    assert len(each) == 60
    assert max(map(difference, each, pictures)) < 15  # 47 without a whole frame now and then


@pytest.mark.parametrize("ending", ["gif", "webp", "png"])
@pytest.mark.few(1)
def test_a_truncated_animation(photos: Path, ending: str) -> None:
    source = animation(photos / f"a.{ending}")
    data = source.read_bytes()
    source.write_bytes(data[: len(data) - len(data) // 4])
    command: list[str | Path] = [photos, "--animated", "--format", "webp"]
    (row,) = make(*command).rows
    assert row["error"]["reason"].startswith("truncated")
    if ending == "webp":  # which can't be opened then
        return
    assert row["error"]["reason"] == "truncated after 2 frames"
    (row,) = make(*command, "--truncated", "keep").rows
    assert row["note"] == "truncated after 2 frames"
    with Image.open(row["thumbnails"][0]["path"]) as image:
        pictures, durations = stills(image)
    assert durations == DURATIONS[:2]
    assert difference(pictures[1], frames()[1]) < 30


def test_a_gif_may_end_anywhere(tmp_path: Path) -> None:
    data = animation(tmp_path / "a.gif").read_bytes()
    starts = [place for place in range(len(data)) if data.startswith(b"!\xf9\4", place)]
    assert len(starts) == 4
    source, target = tmp_path / "cut.gif", tmp_path / "out.webp"
    said = {}
    for end in range(starts[1] + 1, len(data)):
        source.write_bytes(data[:end])
        try:
            make_thumbnail(source, target, animated=True)
        except PictureError as error:
            said[end] = error.reason
        else:
            with Image.open(target) as image:
                said[end] = f"{getattr(image, 'n_frames', 1)} frames"
    for end, words in said.items():
        whole = sum(start < end for start in starts) - 1
        is_in_head = end - starts[whole] < 20
        right = {f"truncated after {whole} frame{'s' * (whole > 1)}"}
        right |= {f"{whole} frames"} if is_in_head else set()
        has_all_pixels = end > [*starts, len(data)][whole + 1] - 3
        right |= {f"{whole + 1} frames"} if has_all_pixels else set()
        assert words in right, end


def long_gif(path: Path, count: int, side: int = 2) -> Path:
    """A GIF of many frames that are all different from the last."""
    first, second = (Image.new("P", (side, side), at) for at in (0, 1))
    for image in (first, second):
        image.putpalette([0, 0, 0, 255, 255, 255])
    others = [second, first] * (count // 2)
    first.save(path, save_all=True, append_images=others[: count - 1], duration=20)
    return path


@pytest.mark.slow
def test_what_is_too_long_is_a_still(photos: Path) -> None:
    long_gif(photos / "most.gif", 1000)
    long_gif(photos / "more.gif", 1001)
    run = make(photos, "--animated", "--format", "gif")
    notes = {Path(row["source"]).name: row["note"] for row in run.rows}
    assert notes["most.gif"] is None
    said = "is an animation of 1001 frames, too long to keep: shows the first"
    assert notes["more.gif"] == said
    for name, count in {"most": 1000, "more": 1}.items():
        with Image.open(photos / "thumbs" / f"{name}.gif") as image:
            assert getattr(image, "n_frames", 1) == count


def test_a_large_animation_is_a_still(photos: Path) -> None:
    """21 frames of as many px as a still may have."""
    animation(photos / "a.gif")
    command: list[str | Path] = [photos, "--animated", "--format", "gif"]
    (row,) = make(*command, "--max-pixels", str(120 * 80)).rows
    assert row["note"] is None
    data = (photos / "a.gif").read_bytes()
    again = data[data.index(b"!\xf9") : -1]
    (photos / "a.gif").write_bytes(data[:-1] + again * 5 + b";")
    (row,) = make(*command, "--max-pixels", str(120 * 80)).rows
    assert row["note"].startswith("is an animation of 24 frames, too long")
    (row,) = make(*command, "--max-pixels", str(120 * 80)).rows
    assert (row["status"], row["note"][:18]) == ("current", "is an animation of")
    (row,) = make(*command).rows
    assert (row["status"], row["note"]) == ("made", None), "the limit is gone"
    with Image.open(photos / "thumbs" / "a.gif") as image:
        assert getattr(image, "n_frames", 1) == 24
    assert make(*command).statuses == {"a.gif": "current"}


@pytest.mark.slow
def test_frames_that_take_too_much_memory_are_not_kept(photos: Path) -> None:
    long_gif(photos / "a.gif", 900, side=80)
    command: list[str | Path] = [photos, "--animated", "--format", "webp"]
    (row,) = make(*command, "--worker-memory", "32").rows
    assert row["note"] == "is an animation of 900 frames, too long to keep: shows the first"
    assert make(*command, "--force").rows[0]["note"] is None


def test_a_promise_of_frames_costs_nothing(photos: Path) -> None:
    data = picture(photos / "a.png").read_bytes()
    control = chunk(b"acTL", struct.pack(">II", 2**31 - 1, 0))
    (photos / "a.png").write_bytes(data[:33] + control + data[33:])
    (row,) = make(photos, "--animated", "--format", "webp").rows
    assert row["status"] == "made"


def test_one_source_may_move_in_one_size_and_stand_in_another(photos: Path) -> None:
    animation(photos / "a.png", "RGBA")
    sizes = {
        "moving": {"size": "256x256", "format": "webp"},
        "again": {"size": "256x256", "format": "webp"},
        "small": {"size": "60x60", "format": "gif"},
        "still": {"size": "256x256", "format": "png"},
    }
    text = "animated = true\n"
    for name, own in sizes.items():
        text += f"[sizes.{name}]\n" + "".join(f'{key} = "{own[key]}"\n' for key in own)
    (photos / "config.toml").write_text(text)
    (row,) = make(photos, "--config", photos / "config.toml").rows
    counts = []
    for thumbnail in row["thumbnails"]:
        with Image.open(thumbnail["path"]) as image:
            counts.append((image.format, image.width, getattr(image, "n_frames", 1)))
    assert sorted(counts) == [("GIF", 60, 4), ("PNG", 120, 1), *[("WEBP", 120, 4)] * 2]
    (still,) = (one["path"] for one in row["thumbnails"] if one["path"].endswith("png"))
    with Image.open(still) as image:
        assert difference(image, frames("RGBA")[0]) == 0
