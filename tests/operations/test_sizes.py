"""Several thumbnails of each picture, each kind in a folder of its own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from PIL import Image
from support.pictures import files_below, noise, picture, tree
from support.program import make, thumbnailer
from support.watching import soon, watching

from thumbnailer import ConfigError, Settings, iter_thumbnails, make_thumbnail, make_thumbnails

SHARES, SHARED = ("50%", "0.005mp"), ("a.jpg", "b c.jpg")


def size_of(path: Path) -> tuple[int, int]:
    with Image.open(path) as image:
        return image.size


def test_several_sizes_have_a_folder_each(photos: Path) -> None:
    picture(photos / "a.jpg", (300, 200))
    run = make(photos, "--size", "64", "--size", "128x30", "--size", "x16")
    assert files_below(photos) == {
        "a.jpg",
        "thumbs/64/a.jpg",
        "thumbs/128x30/a.jpg",
        "thumbs/x16/a.jpg",
    }
    assert size_of(photos / "thumbs" / "64" / "a.jpg") == (64, 43)
    assert [Path(row["path"]).parent.name for row in run.rows[0]["thumbnails"]] == [
        "64",
        "128x30",
        "x16",
    ]
    assert make(photos, "--size", "64", "--size", "128x30", "--size", "x16").summary["current"] == 1


def test_shares_and_areas_are_sizes_like_others(photos: Path, tmp_path: Path) -> None:
    picture(photos / "a.jpg", (400, 200))
    picture(photos / "b c.jpg", (40, 20))
    options = ("--size", "50%", "--size", "0.005mp")
    make(photos, *options)
    thumbs = photos / "thumbs"
    assert files_below(thumbs) == {f"{size}/{name}" for size in SHARES for name in SHARED}
    made = {name: size_of(thumbs / name) for name in files_below(thumbs)}
    assert made == {
        "50%/a.jpg": (200, 100),
        "50%/b c.jpg": (20, 10),
        "0.005mp/a.jpg": (100, 50),
        "0.005mp/b c.jpg": (40, 20),
    }
    assert make(photos, *options).summary["current"] == 2
    assert make_thumbnail(photos / "a.jpg", size="50%").width == 200
    sizes = {"half": "50%", "small": {"size": "0.005mp", "format": "png"}}
    (one,) = iter_thumbnails([photos / "a.jpg"], sizes=sizes, output=tmp_path / "out")
    assert [made.width for made in one.thumbnails] == [200, 100]
    assert thumbnailer("verify", photos, *options).out.startswith("4 thumbnails, 4 whole")
    assert "0 stale" in thumbnailer("prune", photos, *options, "--stale").out
    run = thumbnailer("prune", photos, "--size", "16", "--stale")
    assert "made with --size 0.005mp" in run.err
    run = thumbnailer("prune", photos, "--size", "10%", "--size", "0.005mp", "--stale")
    assert "2 stale, 2 removed" in run.out
    assert files_below(thumbs) == {f"0.005mp/{name}" for name in SHARED}


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("50 %", "50%"),
        ("50.0%", "50%"),
        ("1.5MP", "1.5mp"),
        ("0.001mp", "0.001mp"),
        ("999.999mp", "999.999mp"),
        ("200*100", "200x100"),
        ("200 \u00d7 100", "200x100"),
        ("200px", "200x200"),
    ],
)
def test_sizes_may_be_written_as_elsewhere(said: str, meant: str) -> None:
    assert Settings(size=said).size == meant
    assert Settings(size=[said, "7"]) == Settings(size=[meant, "7"])
    assert Settings(sizes={"one": said}).sizes == {"one": {"size": meant}}


@pytest.mark.parametrize("said", ["0%", "0mp", "1000.5%", "1001mp", "-5%", "%", "1,5mp", "5%x5%"])
def test_a_share_or_area_is_a_number_above_0_and_up_to_1000(said: str) -> None:
    with pytest.raises(ConfigError, match=r'must be 256, .*"50%" of the .*, or at most "1\.5mp"'):
        Settings(size=said)


def test_one_size_given_twice_is_one(photos: Path) -> None:
    picture(photos / "a.jpg")
    make(photos, "--size", "64", "--size", "64x64")
    assert files_below(photos) == {"a.jpg", "thumbs/a.jpg"}


def test_named_sizes_have_a_fit_a_format_and_a_quality_of_their_own(photos: Path) -> None:
    picture(photos / "a.png", (300, 200))
    config = photos / "c.toml"
    config.write_text(
        'format = "webp"\n[sizes.small]\nsize = 40\nformat = "png"\n'
        '[sizes.retina]\nsize = "80x"\n[sizes.best]\nsize = "80x"\nquality = 100\n'
    )
    assert make(photos, "-c", config).summary["made"] == 1
    thumbs = photos / "thumbs"
    assert files_below(thumbs) == {"small/a.png", "retina/a.png.webp", "best/a.png.webp"}
    assert size_of(thumbs / "small" / "a.png") == (40, 27)
    assert (thumbs / "best" / "a.png.webp").stat().st_size > (
        thumbs / "retina" / "a.png.webp"
    ).stat().st_size


def test_the_library_takes_names_as_well(photos: Path) -> None:
    picture(photos / "a.jpg")
    sizes = {"small": 16, "large": {"size": 64, "format": "png"}}
    (outcome,) = iter_thumbnails([photos / "a.jpg"], sizes=sizes)
    assert [os.path.relpath(made.path, photos) for made in outcome.thumbnails] == [
        "thumbs/small/a.jpg",
        "thumbs/large/a.jpg.png",
    ]
    assert make_thumbnails(photos, sizes=sizes).current == 1


def test_a_size_that_is_said_takes_the_place_of_named_ones(photos: Path) -> None:
    picture(photos / "a.jpg")
    (photos / "c.toml").write_text("[sizes.one]\nsize = 16\n[sizes.two]\nsize = 32\n")
    make(photos, "-c", photos / "c.toml", "--size", "20")
    assert files_below(photos / "thumbs") == {"a.jpg"}
    settings = Settings(sizes={"one": 16, "two": 32})
    (outcome,) = iter_thumbnails([photos / "a.jpg"], settings, size=24)
    assert outcome.thumbnails[0].width == 24


@pytest.mark.parametrize(
    "sizes",
    [
        "[sizes.small]\nfit = 'cover'",
        "[sizes.small]\nsize = 0",
        "[sizes.small]\nsize = 9\ncolour = 1",
        "[sizes.'../x']\nsize = 9",
        "[sizes.'.x']\nsize = 9",
        "[sizes.''    ]\nsize = 9",
        "[sizes.A]\nsize = 9\n[sizes.a]\nsize = 10",
        "sizes = 9",
    ],
)
@pytest.mark.few(2)
def test_impossible_sizes_are_one_line(tmp_path: Path, sizes: str) -> None:
    (tmp_path / "c.toml").write_text(sizes)
    run = thumbnailer("make", ".", "-c", "c.toml", cwd=tmp_path)
    assert run.code == 2
    assert run.err.startswith("thumbnailer: c.toml:1: sizes = ")
    assert run.err.count("\n") == 1


def test_named_sizes_come_back_as_they_were_printed(tmp_path: Path) -> None:
    sizes = {"small": 16, "large": {"size": "64x", "fit": "cover", "quality": 7}}
    (tmp_path / "c.toml").write_text(Settings(sizes=sizes).to_toml())
    first = thumbnailer("config", "-c", "c.toml", cwd=tmp_path).out
    assert first == (tmp_path / "c.toml").read_text()
    (tmp_path / "d.toml").write_text(Settings(size=["16", "x32"]).to_toml())
    assert 'size = ["16x16", "x32"]' in thumbnailer("config", "-c", "d.toml", cwd=tmp_path).out


def test_only_what_is_missing_is_made(photos: Path) -> None:
    tree(photos, "a.jpg", "b.jpg")
    make(photos, "--size", "16", "--size", "32")
    (photos / "thumbs" / "16" / "a.jpg").unlink()
    kept = (photos / "thumbs" / "32" / "a.jpg").stat().st_ino
    run = make(photos, "--size", "16", "--size", "32")
    assert run.statuses == {"a.jpg": "made", "b.jpg": "current"}
    assert len(run.rows[0]["thumbnails"]) == len(run.rows[1]["thumbnails"]) == 2
    assert (photos / "thumbs" / "32" / "a.jpg").stat().st_ino == kept
    assert make(photos, "--size", "16", "--size", "8").summary["made"] == 2


@pytest.mark.slow
def test_a_picture_that_fails_has_none_of_them_and_is_tried_once(photos: Path) -> None:
    (photos / "a.jpg").write_bytes(b"no picture")
    first = make(photos, "--size", "16", "--size", "32")
    again = make(photos, "--size", "16", "--size", "32")
    assert first.summary["failed"] == again.summary["failed"] == 1
    assert "failed before" in again.rows[0]["error"]["reason"]
    picture(photos / "a.jpg")
    assert make(photos, "--size", "16", "--size", "32").summary["made"] == 1


@pytest.mark.slow
def test_in_an_output_tree_each_size_has_a_tree(photos: Path, tmp_path: Path) -> None:
    tree(photos, "a.jpg", "sub/b.jpg")
    make(photos, "--size", "16", "--size", "32", "-o", tmp_path / "out")
    assert files_below(tmp_path / "out") == {"16/a.jpg", "16/sub/b.jpg", "32/a.jpg", "32/sub/b.jpg"}
    assert make(photos, "--size", "16", "--size", "32", "-o", tmp_path / "out").summary["current"]


@pytest.mark.parametrize("into", ["beside", "output"])
@pytest.mark.few(1)
def test_thumbnails_of_all_sizes_go_with_their_source(
    photos: Path, tmp_path: Path, into: str
) -> None:
    tree(photos, "a.jpg", "b.jpg", "sub/c.jpg", "d.jpg", "e.jpg", "f.jpg")
    output: list[str | Path] = [] if into == "beside" else ["-o", tmp_path / "out"]
    make(photos, "--size", "16", "--size", "32", *output)
    (photos / "a.jpg").unlink()
    (photos / "sub" / "c.jpg").unlink()
    if output:
        (photos / "sub").rmdir()  # an empty one is like a disk that is not mounted
    run = thumbnailer("prune", photos, *output)
    assert run.out.startswith("12 thumbnails, 4 orphaned, 4 removed")
    names = {os.path.basename(path) for path in files_below(tmp_path)}
    assert {"b.jpg", "d.jpg"} < names
    assert not {"a.jpg", "c.jpg"} & names
    assert not (photos / "sub" / "thumbs").exists()


@pytest.mark.slow
def test_thumbnails_are_never_taken_for_sources(photos: Path) -> None:
    picture(photos / "a.jpg")
    for _ in range(2):
        assert make(photos, "--size", "16", "--size", "32").summary["found"] == 1
    assert make(photos).summary["found"] == 1
    assert make(photos, "--size", "16", "--size", "32").summary["found"] == 1


def test_one_thumbnail_can_t_have_several_sizes(photos: Path) -> None:
    picture(photos / "a.jpg")
    with pytest.raises(ConfigError, match="more than one"):
        make_thumbnail(photos / "a.jpg", photos / "b.jpg", size=["16", "32"])


@pytest.mark.parametrize("into", ["beside", "output"])
@pytest.mark.few(1)
def test_a_watch_keeps_all_sizes_current(photos: Path, tmp_path: Path, into: str) -> None:
    tree(photos, *(f"{name}.jpg" for name in "abcdef"))
    output: list[str | Path] = ["-o", tmp_path / "out"] if into == "output" else []
    thumbs = tmp_path / "out" if output else photos / "thumbs"

    def has(*names: str) -> bool:
        return files_below(thumbs) == {f"{size}/{name}.jpg" for size in (16, 32) for name in names}

    with watching("--size", "16", "--size", "32", "--rescan", "1", *output, photos) as watch:
        soon(watch, lambda: has(*"abcdef"))
        (photos / "a.jpg").unlink()
        soon(watch, lambda: has(*"bcdef"))
        picture(photos / "g.jpg")
        soon(watch, lambda: has(*"bcdefg"))
        (thumbs / "32" / "b.jpg").unlink()
        soon(watch, lambda: has(*"bcdefg"))


@pytest.mark.parametrize("ending", ["jpg", "png", "gif"])
def test_a_thumbnail_is_the_same_whichever_others_are_missing(photos: Path, ending: str) -> None:
    image = Image.merge("RGB", [noise((1600, 1200), 90, seed) for seed in range(3)])
    image.save(photos / f"a.{ending}")
    command = photos, "--size", "60", "--size", "200", "--size", "700", "--format", "png"
    make(*command)
    made = {path: path.read_bytes() for path in (photos / "thumbs").glob("*/a.*")}
    assert len(made) == 3
    for path in made:
        path.unlink()
        assert make(*command).summary["made"] == 1
        assert {path: path.read_bytes() for path in made} == made
