"""Which pictures `include` and `exclude` choose, and what is said of globs that choose nothing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from support.disks import listed
from support.pictures import files_below, tree
from support.program import make, thumbnailer
from support.watching import await_event, events, rows, watching

from thumbnailer import ConfigError, Settings, iter_thumbnails, make_thumbnails, status, verify
from thumbnailer.scan.selection import Choice

NAMES = ("a.jpg", "b.png", "private/c.jpg", "sub/private/d.jpg", "sub/deep/e.jpg", "sub/f.png")


def chosen(root: Path, *options: str) -> set[str]:
    run = make(root, *options, "--dry-run")
    assert run.code == 0, run.err
    return {os.path.relpath(row["source"], root) for row in run.rows}


def left_out(root: Path, glob: str) -> set[str]:
    """What `--exclude` leaves out, of the pictures called `NAMES`."""
    return {*NAMES} - chosen(root, "--exclude", glob)


@pytest.mark.parametrize(
    ("glob", "names"),
    [
        ("private", {"private/c.jpg", "sub/private/d.jpg"}),
        ("private/", {"private/c.jpg", "sub/private/d.jpg"}),
        ("PRIVATE", {"private/c.jpg", "sub/private/d.jpg"}),
        ("/private", {"private/c.jpg"}),
        ("./private", {"private/c.jpg"}),
        ("/private/", {"private/c.jpg"}),
        ("./private/*", {"private/c.jpg"}),
        ("sub/private", {"sub/private/d.jpg"}),
        ("/sub/private", {"sub/private/d.jpg"}),
        ("**/private", {"private/c.jpg", "sub/private/d.jpg"}),
        ("/**/private", {"private/c.jpg", "sub/private/d.jpg"}),
        ("sub/**/private", {"sub/private/d.jpg"}),
        ("sub/**/e.jpg", {"sub/deep/e.jpg"}),
        ("sub/**/f.png", {"sub/f.png"}),
        ("**/sub/**/*.png", {"sub/f.png"}),
        ("sub/**", {"sub/private/d.jpg", "sub/deep/e.jpg", "sub/f.png"}),
        ("*.png", {"b.png", "sub/f.png"}),
        ("/*.png", {"b.png"}),
        ("./?.png", {"b.png"}),
        ("*/*.png", {"sub/f.png"}),
        ("/*/private", {"sub/private/d.jpg"}),
        ("*.png/", set()),
        ("*/", {*NAMES} - {"a.jpg", "b.png"}),
        ("[a-c].*", {"a.jpg", "b.png", "private/c.jpg"}),
        ("[!a-c].*", {"sub/private/d.jpg", "sub/deep/e.jpg", "sub/f.png"}),
        ("sub?f.png", set()),
        ("/[!x]ub", {"sub/private/d.jpg", "sub/deep/e.jpg", "sub/f.png"}),
    ],
)
@pytest.mark.few(9)
def test_what_a_glob_leaves_out(photos: Path, glob: str, names: set[str]) -> None:
    assert left_out(tree(photos, *NAMES), glob) == names


def test_brackets_hold_what_means_something_else_outside(photos: Path) -> None:
    names = ("{x,y}/a.jpg", "Smith, John.jpg", "[1].jpg", "!x/b.jpg", " x/c.jpg", "a[b.jpg")
    tree(photos, *names, "z.jpg")
    for name, glob in {
        "{x,y}/a.jpg": "[{]x[,]y}",
        "Smith, John.jpg": "Smith[,] John.*",
        "[1].jpg": "[[]1].jpg",
        "!x/b.jpg": "**/!x",
        " x/c.jpg": "[ ]x",
        "a[b.jpg": "a[b.jpg",
    }.items():
        assert chosen(photos, "--exclude", glob) == {*names, "z.jpg"} - {name}


def test_composed_and_decomposed_names_are_the_same(photos: Path) -> None:
    composed, decomposed = "caf\u00e9", "cafe\u0301"
    tree(photos, f"{composed}/a.jpg", f"{decomposed}/b.jpg")
    for name in (composed, decomposed):
        assert chosen(photos, "--exclude", name.upper()) == set()


WRONG = {
    "{private,x}": '"private", "x"',
    "a/{b,c}.jpg": '"a/b.jpg", "a/c.jpg"',
    "{1..3}": '"[1-3]"',
    "private,x": '"private", "x"',
    "*.jpg, *.png": '"*.jpg", "*.png"',
    "a//b": '"a/b"',
    "//private": '"/private"',
    "a/./b": '"a/b"',
    "a/../private": '"/private"',
    "../photos/private": "below the SOURCE",
    "..": "below the SOURCE",
    ".": "below the SOURCE",
    "./": "below the SOURCE",
    "~/photos/private": "below the SOURCE",
    "~": "below the SOURCE",
    "s3://bucket/private": "below the SOURCE",
    "!private": '"**/!private"',
    " private": '"private"',
    "private\n": '"private"',
    "[z-a]": "earlier",
    "": "such as ",
    "/": "such as ",
    " ": "such as ",
}
WRONG_FOR_PICTURES = {
    "jpg": '"*.jpg"',
    ".png": '"*.png"',
    "private": '"**/private/*"',
    "/private": '"/private/*"',
    "sub/private/": '"sub/private/*"',
    "*.txt": "no picture",
}


@pytest.mark.parametrize(
    ("option", "glob", "right"),
    [
        *(("exclude", glob, right) for glob, right in WRONG.items()),
        *(("include", glob, right) for glob, right in (WRONG | WRONG_FOR_PICTURES).items()),
    ],
)
def test_a_glob_that_can_not_match_is_refused_with_what_is_right(
    tmp_path: Path, option: str, glob: str, right: str
) -> None:
    tree(tmp_path / "photos", *NAMES)
    before = files_below(tmp_path)
    run = thumbnailer("make", "photos", f"--{option}", glob, cwd=tmp_path)
    assert run.code == 2
    assert run.err.startswith(f"thumbnailer: --{option}")
    assert right in run.err
    with pytest.raises(ConfigError) as refused:
        Settings(**{option: ("z.jpg", glob)})  # type: ignore[arg-type]
    assert right in str(refused.value)
    assert files_below(tmp_path) == before


def test_of_many_globs_the_wrong_one_is_named(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text('exclude = ["a", "b//c"]')
    run = thumbnailer("make", ".", "--config", "c.toml", cwd=tmp_path)
    assert run.code == 2
    assert run.err == (
        'thumbnailer: c.toml:1: exclude = ["a", "b//c"]: "b//c" is no path below a SOURCE; '
        'right is "b/c"\n'
    )


@pytest.mark.parametrize(
    ("source", "glob", "right"),
    [
        ("photos", "{root}/photos/private", '"/private"'),
        ("photos", "{root}/photos/sub/*/", '"/sub/*/"'),
        (".", "{root}/photos/private", '"/photos/private"'),
        ("link", "{root}/photos/private", '"/private"'),
        ("link", "{root}/link/private", '"/private"'),
        ("{root}/photos", "{root}/link/private", "such as"),
        ("photos", "{root}/elsewhere/private", "such as"),
        ("photos", "photos/private", '"/private"'),
        ("photos", "./photos/private", '"/private"'),
        ("photos", "{root}/photos", "the SOURCE itself"),
    ],
)
def test_a_path_from_elsewhere_is_refused_with_what_is_right(
    tmp_path: Path, source: str, glob: str, right: str
) -> None:
    tree(tmp_path / "photos", *NAMES)
    (tmp_path / "link").symlink_to("photos")
    source, glob = (text.format(root=tmp_path) for text in (source, glob))
    before = files_below(tmp_path)
    for command in ("make", "status", "verify", "gallery", "watch"):
        run = thumbnailer(command, source, "--exclude", glob, cwd=tmp_path)
        assert run.code == 2
        assert run.err.startswith(f"thumbnailer: exclude = {glob!r}: is compared with the path ")
        assert right in run.err
    assert files_below(tmp_path) == before


def test_so_it_is_in_a_list_of_paths(photos: Path) -> None:
    tree(photos, *NAMES)
    with pytest.raises(ConfigError, match='right is "/private"'):
        list(iter_thumbnails([photos], exclude=(f"{photos}/private",)))
    assert files_below(photos) == {*NAMES}


def test_what_is_there_below_the_source_is_meant(tmp_path: Path) -> None:
    tree(tmp_path / "photos", "a.jpg", "photos/private/b.jpg", "tmp/c.jpg", "tmp/d/e.jpg")
    run = make("photos", "--exclude", "photos/private", "--exclude", "/tmp/d", "-n", cwd=tmp_path)
    assert set(run.statuses) == {"a.jpg", "c.jpg"}


def test_a_glob_may_be_right_for_one_source_of_several(tmp_path: Path) -> None:
    tree(tmp_path, "photos/2024/raw/a.jpg", "2024/raw/b.jpg")
    run = make("photos", "2024", "--exclude", "2024/raw", "-n", cwd=tmp_path)
    assert set(run.statuses) == {"b.jpg"}


def test_a_glob_that_matched_nothing_is_mentioned(photos: Path) -> None:
    tree(photos, *NAMES)
    globs = ["--exclude", "privat", "--exclude", "deep", "--include", "*.jpg", "--include", "*.gif"]
    run = make(photos, *globs)
    assert run.err == "--include '*.gif' matched nothing\n--exclude 'privat' matched nothing\n"
    assert run.summary["notes"] == run.err.splitlines()
    assert thumbnailer("make", photos, *globs).err == run.err
    assert thumbnailer("make", "--quiet", photos, *globs).err == ""
    for command in ("status", "verify"):
        for options in ([], ["--json"]):
            assert thumbnailer(command, photos, *globs, *options).err == run.err
    settings = Settings(exclude=("privat",))
    reports = make_thumbnails(photos, settings), status(photos, settings), verify(photos, settings)
    assert all([*one.notes] == ["--exclude 'privat' matched nothing"] for one in reports)


@pytest.mark.parametrize(
    "glob",
    ["*.jpg", "thumbs", ".hidden", "@eaDir", "private", "**/deep", "/b.png", "sub/", "sub/private"],
)
def test_what_is_left_out_anyway_counts_as_matched(photos: Path, glob: str) -> None:
    tree(photos, *NAMES, ".hidden/g.jpg", "@eaDir/h.jpg")
    make(photos)
    for options in ([], ["--include", "a.jpg"]):
        run = thumbnailer("make", photos, "--exclude", glob, *options)
        assert (run.code, run.err) == (0, "")


def test_no_glob_is_mentioned_unless_everything_was_seen(
    photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree(photos, *NAMES)
    options = ["--exclude", "nothing"]
    assert make(photos / "a.jpg", *options).err == ""
    assert "matched nothing" in make(photos / "a.jpg", photos / "sub", *options).err
    assert "matched nothing" in make(photos, "--no-recursive", *options).err
    assert make(photos, "--no-recursive", "--exclude", "sub").err == ""
    scandir = os.scandir

    def failing(place: str | int) -> object:
        if os.path.basename(listed(place)) == "deep":
            raise PermissionError(13, "Permission denied")
        return scandir(place)

    monkeypatch.setattr(os, "scandir", failing)
    assert make(photos, *options).err == ""


def test_a_watch_mentions_it_once(photos: Path) -> None:
    tree(photos, *NAMES)
    globs = ["--exclude", "privat", "--exclude", "deep"]
    with watching(*globs, "--rescan", "0.2", photos) as watch:
        await_event(watch, "rescan", 2)
        (note,) = events(watch, "note")
        assert note["message"] == "--exclude 'privat' matched nothing"
        told = [row["event"] for row in rows(watch) if "event" in row]
        assert told.index("note") < told.index("ready")


def test_events_and_scans_choose_alike(photos: Path) -> None:
    tree(photos, *NAMES)
    for glob in ("/private", "sub/**/private", "private/", "*/", "/*.png", "sub/deep"):
        choice = Choice(exclude=(glob,))
        by_path = {
            name for name in NAMES if choice.enters(os.path.dirname(name)) and choice.takes(name)
        }
        assert by_path == {*NAMES} - left_out(photos, glob), glob
