"""What thumbnails are called where a template says so."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from support.pictures import files_below, picture, tree
from support.program import make, thumbnailer

from thumbnailer import ConfigError, iter_thumbnails, make_thumbnails


@pytest.mark.parametrize(
    ("template", "name"),
    [
        ("{stem}_small", "a.b_small.jpg"),
        ("{stem}-{size}", "a.b-32x16.jpg"),
        ("{name}", "a.b.png.jpg"),
        ("{parent}_{stem}.jpeg", "photos_a.b.jpeg"),
        ("{stem}.{ext}", "a.b.png.jpg"),
        ("{hash}", f"{hashlib.blake2b(b'a.b.png', digest_size=8).hexdigest()}.jpg"),
        ("t-{stem:.1}", "t-a.jpg"),
    ],
)
@pytest.mark.few(1)
def test_tokens_stand_for_parts_of_the_source(photos: Path, template: str, name: str) -> None:
    picture(photos / "a.b.png")
    assert make(photos, "--name", template, "--size", "32x16").summary["made"] == 1
    assert files_below(photos / "thumbs") == {name}
    assert make(photos, "--name", template, "--size", "32x16").summary["current"] == 1


def test_the_size_is_the_name_of_its_folder(photos: Path) -> None:
    picture(photos / "a.jpg")
    make(photos, "--name", "{stem}@{size}", "--size", "16", "--size", "32")
    assert files_below(photos / "thumbs") == {"16/a@16.jpg", "32/a@32.jpg"}


def test_the_hash_is_the_same_wherever_the_tree_is(tmp_path: Path) -> None:
    names = []
    for place in ("one", "two"):
        tree(tmp_path / place, "sub/a.jpg", "a.jpg")
        make(tmp_path / place, "-o", tmp_path / f"out {place}", "--name", "{hash}")
        names.append(files_below(tmp_path / f"out {place}"))
    assert names[0] == names[1]
    assert len({Path(name).name for name in names[0]}) == 2


@pytest.mark.parametrize(
    "template",
    [
        "thumb",
        "{size}",
        "../{stem}",
        "{stem}/x",
        "{colour}",
        "{stem",
        "{0}",
        ".{stem}",
        "{stem.x}",
        "{stem[0]}",
        "{stem!x}",
        "{stem:d}",
        "{stem}\x00",
        *(f"{{stem}}{letter}x" for letter in '<>:"\\|?*\n'),
        "con.{stem}",
        "LPT1 .{stem}",
    ],
)
def test_a_template_that_can_t_name_files_is_refused(tmp_path: Path, template: str) -> None:
    with pytest.raises(ConfigError, match=r"^name = "):
        make_thumbnails(tmp_path, name=template)


def test_sources_that_would_share_a_name_are_told_of_before_anything_is_made(photos: Path) -> None:
    tree(photos, "sub/z.jpg", "a.jpg", "a.png", "b.jpg")
    run = thumbnailer("make", photos, "--name", "{stem}")
    assert run.code == 2
    assert run.err == (
        f"thumbnailer: name = '{{stem}}': {photos}/a.jpg and {photos}/a.png would both have the "
        f"thumbnail {photos}/thumbs/a.jpg\n"
    )
    assert not (photos / "thumbs").exists()
    assert not (photos / "sub" / "thumbs").exists()


def test_the_same_name_in_two_folders_is_no_collision(photos: Path) -> None:
    tree(photos, "a.jpg", "sub/a.jpg")
    assert make(photos, "--name", "{stem}").summary["made"] == 2


def test_of_paths_that_come_one_by_one_the_second_fails(photos: Path) -> None:
    tree(photos, "a.jpg", "a.png")
    outcomes = list(iter_thumbnails([photos / "a.jpg", photos / "a.png"], name="{stem}"))
    assert sorted(outcome.status for outcome in outcomes) == ["failed", "made"]


@pytest.mark.parametrize("template", ["{stem}_{stem}", "{stem}_{stem}.jpg"])
@pytest.mark.few(1)
def test_a_long_name_is_cut(photos: Path, template: str) -> None:
    picture(photos / f"{'x' * 250}.jpg")
    assert make(photos, "--name", template).summary["made"] == 1
    (name,) = files_below(photos / "thumbs")
    assert len(name) <= 255
    assert make(photos, "--name", template).summary["current"] == 1


def test_an_output_of_two_sources_is_checked_as_well(tmp_path: Path) -> None:
    tree(tmp_path / "one", "a.jpg")
    tree(tmp_path / "two", "a.jpg", "a.gif")
    out = tmp_path / "out"
    run = thumbnailer("make", tmp_path / "one", tmp_path / "two", "-o", out, "--name", "{stem}")
    assert run.code == 2
    assert "two/a.gif and" in run.err
    assert not out.exists()


def test_a_thumbnail_with_another_name_belongs_to_its_source(tmp_path: Path) -> None:
    """Wherever the program is started: its folder may be moved, and pruned from elsewhere."""
    tree(tmp_path / "photos", "a.jpg", "b.jpg")
    assert thumbnailer("make", "photos", "--name", "{stem}_small", cwd=tmp_path).code == 0
    moved = (tmp_path / "photos").rename(tmp_path / "pictures")
    run = make(moved, "--name", "{stem}_small")
    assert (run.summary["current"], run.summary["made"]) == (2, 0)
    assert "2 thumbnails, 0 orphaned" in thumbnailer("prune", moved).out
    assert files_below(moved / "thumbs") == {"a_small.jpg", "b_small.jpg"}
