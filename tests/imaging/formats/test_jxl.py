"""JPEG XL: colours, alpha and orientation as its header says them; the truth about all others."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image
from support.colours import cicp, png
from support.jxl_files import ALPHA, header, in_boxes, jxl, with_header
from support.pictures import corners, quarters
from support.program import enough, make
from support.thumbs import difference, swapped_profile, thumb

from thumbnailer import PictureError

pytest.importorskip("pylibjxl", reason="needs the extra jxl (pylibjxl)")

SIZE = (96, 64)
COPYRIGHT, ORIENTATION = 0x8298, 0x0112


# 64 x 32 px, all of (100, 128), by libjxl 0.10.
GREY_ALPHA = bytes.fromhex(
    "ff0ac7c1a6b81100488010003001671328010050a132cab8c1cbb99e2f3f74584cdbb8ced056db1696241220"
    "f3562e00afde436030188414d8f03106e3e3c760c2c7f803400802c01b083060340eb7e69f978ddd026f864a1200"
)


def saved(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def colours(size: tuple[int, int] = SIZE) -> Image.Image:
    """Many colours, softly changing."""
    ramp = Image.linear_gradient("L").resize(size)
    across = Image.linear_gradient("L").rotate(90).resize(size)
    return Image.merge("RGB", [ramp, across, Image.radial_gradient("L").resize(size)])


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_its_pixels_are_what_they_were(tmp_path: Path, mode: str) -> None:
    image = colours()
    image.putalpha(Image.linear_gradient("L").resize(SIZE))
    image = image.convert(mode)
    made = thumb(saved(tmp_path / "a.jxl", jxl(image)))
    assert (made.mode, made.tobytes()) == (mode, image.tobytes())


def test_grey_with_alpha(tmp_path: Path) -> None:
    made = thumb(saved(tmp_path / "a.jxl", GREY_ALPHA))
    assert (made.size, made.mode, made.getpixel((9, 9))) == ((64, 32), "LA", (100, 128))


@pytest.mark.parametrize("part", [0, 7, 100])
def test_so_they_are_in_boxes_and_in_parts(tmp_path: Path, part: int) -> None:
    data = in_boxes(jxl(colours()), (b"xml ", bytes(100)), part=part)
    assert thumb(saved(tmp_path / "a.jxl", data)).tobytes() == colours().tobytes()


@pytest.mark.parametrize(
    ("primaries", "curve"), [(1, 13), (11, 13), (9, 13), (1, 8), (11, 8), (9, 16), (9, 18)]
)
def test_colours_in_codes_mean_what_they_mean_in_a_png(
    tmp_path: Path, primaries: int, curve: int
) -> None:
    """Display P3 has another code there. HDR is among them: PQ and HLG."""
    source = with_header(colours(), primaries=primaries, curve=curve)
    codes = cicp(12 if primaries == 11 else primaries, curve)
    twin = png(tmp_path / "a.png", SIZE, 8, 2, colours().tobytes(), codes)
    made, other = thumb(saved(tmp_path / "a.jxl", source)), thumb(twin)
    assert difference(made, other)[1] == 0
    assert (difference(made, colours())[1] > 5) == ((primaries, curve) != (1, 13))


def test_another_white_is_adapted_to(tmp_path: Path) -> None:
    """Grey stays grey, and equal energy is redder than daylight."""
    warm = thumb(saved(tmp_path / "a.jxl", with_header(colours(), white=10)))
    assert difference(warm, colours())[1] > 5
    grey = with_header(Image.new("RGB", SIZE, (99, 99, 99)), white=10)
    assert thumb(saved(tmp_path / "a.jxl", grey)).getpixel((9, 9)) == (99, 99, 99)


@pytest.mark.extra
@pytest.mark.parametrize("white", [1, 10, 11])
def test_grey_of_any_white_is_as_dark_as_it_was(tmp_path: Path, white: int) -> None:
    """Stored in colours of the format's own, which libjxl turns into linear light for some."""
    imagecodecs = pytest.importorskip("imagecodecs", reason="writes such pictures")
    import numpy

    grey = Image.linear_gradient("L").resize(SIZE)
    data = bytes(imagecodecs.jpegxl_encode(numpy.asarray(grey), distance=0.3))
    source = with_header(grey, data, converted=True, white=white)
    assert difference(thumb(saved(tmp_path / "a.jxl", source)), grey)[0] < 3


def test_a_profile_is_applied_or_kept(tmp_path: Path) -> None:
    source = saved(tmp_path / "a.jxl", jxl(quarters(SIZE), icc=swapped_profile()))
    assert corners(thumb(source)) == ["lime", "red", "blue", "white"]
    kept = thumb(source, keep=["icc"])
    assert corners(kept) == ["red", "lime", "blue", "white"]
    assert kept.info["icc_profile"] == swapped_profile()


def test_colours_multiplied_by_alpha_are_divided_by_it(tmp_path: Path) -> None:
    image = Image.new("RGBA", SIZE, (100, 50, 0, 128))
    source = with_header(image, channels=((ALPHA, True),))
    assert thumb(saved(tmp_path / "a.jxl", source)).getpixel((9, 9)) == (199, 99, 0, 128)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_it_is_turned_by_its_header_alone(tmp_path: Path, orientation: int) -> None:
    image, exif = quarters(SIZE), Image.Exif()
    exif[ORIENTATION] = orientation
    buffer = io.BytesIO()
    image.save(buffer, "PNG", exif=exif)
    expected = thumb(saved(tmp_path / "a.png", buffer.getvalue()))
    source = saved(tmp_path / "a.jxl", with_header(image, orientation=orientation))
    assert thumb(source).tobytes() == expected.tobytes()
    said = in_boxes(jxl(image), (b"Exif", bytes(4) + exif.tobytes()[6:]))
    assert thumb(saved(tmp_path / "a.jxl", said)).tobytes() == image.tobytes()


def test_its_exif_data_are_kept(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[COPYRIGHT] = "of someone"
    data = in_boxes(jxl(quarters(SIZE)), (b"Exif", bytes(4) + exif.tobytes()[6:]))
    made = thumb(saved(tmp_path / "a.jxl", data), "out.jpg", keep=["copyright"])
    assert made.getexif()[COPYRIGHT] == "of someone"


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"channels": ((ALPHA, False),) * 99}, "limits: has 99 channels besides its colours"),
        ({"size": (1 << 30, 1 << 30)}, "limits: has 1073741824 x 1073741824 px"),
        ({"size": (12_000, 12_000)}, r"limits: has 12000 x 12000 px in 2,\d+ bytes"),
    ],
)
def test_what_has_too_much_is_called_so(
    tmp_path: Path, options: dict[str, object], reason: str
) -> None:
    """By the header alone: there are no pixels after it."""
    data = header(**{"size": SIZE, **options}) + bytes(2000)  # type: ignore[arg-type]
    with pytest.raises(PictureError, match=reason):
        thumb(saved(tmp_path / "a.jxl", data))


def test_one_cut_short_is_refused_wherever_it_is_cut(tmp_path: Path) -> None:
    whole = jxl(colours())
    for length in range(2, len(whole), 211):
        with pytest.raises(PictureError, match="truncated"):
            thumb(saved(tmp_path / "a.jxl", whole[:length]))
        with pytest.raises(PictureError, match="truncated: "):
            thumb(saved(tmp_path / "a.jxl", in_boxes(whole)[: length - len(whole)]))


def test_the_caller_s_own_pillow_stays_as_it_was(tmp_path: Path) -> None:
    thumb(saved(tmp_path / "a.jxl", jxl(colours())))
    assert "JXL" not in Image.OPEN
    assert ".jxl" not in Image.registered_extensions()


def test_workers_in_their_sandbox_read_it(photos: Path) -> None:
    saved(photos / "a.jxl", jxl(quarters(SIZE)))
    assert make(photos, "--sandbox", "auto").rows[0]["status"] == "made"


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_what_is_estimated_suffices(photos: Path, mode: str) -> None:
    saved(photos / "a.jxl", jxl(colours((3000, 2000)).convert(mode)))
    enough(photos)
