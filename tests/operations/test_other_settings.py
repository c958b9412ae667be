"""Asked for with other settings than `make` had, a command says which there are."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from support.pictures import picture, tree
from support.program import make, thumbnailer

from thumbnailer import status, verify, write_gallery

COMMANDS = ["status", "verify", "gallery"]

# What `make` was given, and what is to be added.
MADE = [
    ("--size 512 --format webp", "--size 512 --format webp"),
    ("--size 100", "--size 100"),
    ("--format png", "--format png"),
    ("--format auto --size 64", "--size 64 --format auto"),
    ("--size 64 --size 128 --format webp", "--size 64 --size 128 --format webp"),
    ("--size 80x40 --fit cover", "--size 80x40 --fit cover"),
]


@pytest.mark.parametrize(("given", "to_add"), MADE, ids=[given for given, _ in MADE])
def test_what_is_to_be_added_is_told_and_right(photos: Path, given: str, to_add: str) -> None:
    picture(photos / "a.jpg", (900, 600))
    picture(photos / "b.png", (700, 600))
    tree(photos, "sub/small.jpg")
    make(photos, *given.split())
    for command in COMMANDS:
        done = thumbnailer(command, photos)
        found = re.search(r"^these folders hold .* settings: add (.*), or", done.err, re.MULTILINE)
        assert found, done.err
        assert found[1] == to_add
        assert "these folders" not in thumbnailer(command, photos, *shlex.split(found[1])).err
    assert thumbnailer("verify", photos, *to_add.split()).code == 0


@pytest.mark.parametrize("command", COMMANDS)
def test_it_is_told_in_an_output_folder_too(photos: Path, tmp_path: Path, command: str) -> None:
    tree(photos, "a.jpg", "sub/b.jpg")
    make(photos, "--output", tmp_path / "small", "--format", "webp")
    done = thumbnailer(command, photos, "--output", tmp_path / "small")
    assert "other settings: add --format webp, or --config" in done.err


@pytest.mark.parametrize("command", COMMANDS)
def test_what_can_not_be_told_is_shown_by_an_example(photos: Path, command: str) -> None:
    picture(photos / "a.jpg", (900, 600))
    make(photos, "--size", "300", "--quality", "31")
    done = thumbnailer(command, photos, "--json")
    assert done.err.endswith(
        f"these folders hold thumbnails of other settings, such as {photos}/thumbs/a.jpg of "
        "300 x 200 px: add the options that make had, or --config\n"
    )
    assert thumbnailer(command, photos, "--quiet").err.count("these folders") == 0


@pytest.mark.parametrize("command", COMMANDS)
def test_nothing_is_told_where_some_are_current_or_none_was_made(
    photos: Path, command: str
) -> None:
    tree(photos, "a.jpg", "b.jpg")
    assert "settings" not in thumbnailer(command, photos).err
    make(photos, "--format", "webp")
    make(photos / "a.jpg")
    assert "settings" not in thumbnailer(command, photos).err


def test_the_library_tells_it_in_notes(photos: Path) -> None:
    tree(photos, "a.jpg")
    make(photos, "--format", "webp")
    note = "these folders hold thumbnails of other settings: add --format webp, or --config"
    assert status(photos).notes == (note,)
    assert verify(photos).notes == (note,)
    assert write_gallery(photos).notes == (note,)
