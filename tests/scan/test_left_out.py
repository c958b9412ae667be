"""What is left out unless it is named: hidden pictures, bins, snapshots, libraries of others."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from support.pages import page
from support.pictures import files_below, picture, tree
from support.program import in_a_process, make, thumbnailer
from support.s3_server import Storage
from support.watching import (
    catches_up,
    of_source,
    rows,
    shell,
    soon,
    starting_tree,
    watching,
)

from thumbnailer import iter_thumbnails, make_thumbnails, prune, status
from thumbnailer.errors import install_hint
from thumbnailer.scan.left_out import LEFT_OUT
from thumbnailer.scan.selection import Choice

FOLDERS = (
    *("#recycle", "@Recycle", "$RECYCLE.BIN", "$Recycle.Bin", "RECYCLER", ".Trash-1000"),
    *("#snapshot", "@Recently-Snapshot", "~snapshot", "System Volume Information", "lost+found"),
    *("Photos Library.photoslibrary", "My.PHOTOSLIBRARY", "a.photolibrary", "a.aplibrary"),
    *("Catalog Previews.lrdata", "@eaDir", "@EADIR", "node_modules", ".hidden"),
)
FILES = (
    *(".trashed-1700000000-a.jpg", ".pending-1700000000-a.jpg", ".a.jpg", "._a.jpg"),
    *("SYNOFILE_THUMB_M.jpg", "synofile_thumb_xl.jpg"),
)
# What is of nobody's but looks like it.
TAKEN = (
    *("recycle/a.jpg", "#recycled/a.jpg", "snapshot/a.jpg", "lost/a.jpg", "@home/a.jpg", "#1.jpg"),
    *("photoslibrary/a.jpg", "lrdata/a.jpg", "a.trashed-1.jpg", "~a.jpg", "my library/a.jpg"),
    *("$5.jpg", "SYNO.jpg", "a.jpg"),
)


def found(root: Path, *options: str) -> set[str]:
    run = make(root, *options, "--dry-run")
    assert run.code == 0, run.err
    return {os.path.relpath(row["source"], root) for row in run.rows}


def everything(root: Path) -> Path:
    return tree(
        root, *TAKEN, *(f"{name}/a.jpg" for name in FOLDERS), *FILES, "sub/#recycle/x/a.jpg"
    )


def test_bins_snapshots_libraries_and_hidden_pictures_are_left_out(photos: Path) -> None:
    assert found(everything(photos)) == {*TAKEN}
    assert status(photos).pictures == len(TAKEN)
    choice = Choice()
    assert not any(map(choice.enters, FOLDERS))
    assert not any(map(choice.is_picture, FILES))


def test_whoever_names_one_gets_it(photos: Path) -> None:
    everything(photos)
    for name in FOLDERS:
        assert make(photos / name).statuses == {"a.jpg": "made"}
    for name in FILES:
        assert make(photos / name).statuses == {name: "made"}
        assert [one.status for one in iter_thumbnails([photos / name])] == ["current"]
    assert found(photos / "#recycle", "--include", "*.jpg") == {"a.jpg"}


@pytest.mark.parametrize(
    ("globs", "more"),
    [
        (["*.jpg"], set()),
        (["*"], set()),
        (["*/a.jpg"], set()),
        (["**/*"], set()),
        (["?recycle/*"], set()),
        (["#recycle/*"], {"#recycle/a.jpg"}),
        (["**/#recycle/**"], {"#recycle/a.jpg", "sub/#recycle/x/a.jpg"}),
        (["#RECYCLE/a.*"], {"#recycle/a.jpg"}),
        (["*.photoslibrary/*"], {"Photos Library.photoslibrary/a.jpg", "My.PHOTOSLIBRARY/a.jpg"}),
        (["Photos Library.photoslibrary/*"], {"Photos Library.photoslibrary/a.jpg"}),
        ([".hidden/*"], {".hidden/a.jpg"}),
        ([".Trash-*/*"], {".Trash-1000/a.jpg"}),
        ([".trashed-*"], {".trashed-1700000000-a.jpg"}),
        ([".a.jpg"], {".a.jpg"}),
        ([".*"], {".a.jpg"}),
        (["SYNOFILE_THUMB_M.jpg"], {"SYNOFILE_THUMB_M.jpg"}),
        (["#recycle/*", "*.jpg"], {"#recycle/a.jpg"}),
    ],
)
@pytest.mark.few(6)
def test_an_include_that_names_one_gets_what_it_matches_there(
    photos: Path, globs: list[str], more: set[str]
) -> None:
    everything(photos)
    options = [word for glob in globs for word in ("--include", glob)]
    assert found(photos, *options) - {*TAKEN} == more


def test_what_is_made_of_what_is_named_is_looked_after(photos: Path) -> None:
    everything(photos)
    options: Any = {"include": ("#recycle/*",)}
    assert make_thumbnails(photos, **options).made == 1
    report = status(photos, **options)
    assert (report.current, report.thumbnails) == (1, 1)
    (photos / "#recycle" / "a.jpg").unlink()
    assert status(photos, **options).orphaned == 1


def test_thumbnails_that_there_were_before_stay(photos: Path) -> None:
    tree(photos, "#recycle/a.jpg", ".b.jpg", "c.jpg")
    make_thumbnails(photos / "#recycle")
    make_thumbnails(photos / ".b.jpg")
    make_thumbnails(photos)
    before = files_below(photos)
    assert status(photos).orphaned == 0
    assert prune(photos).removals == ()
    assert files_below(photos) == before
    (photos / ".b.jpg").unlink()
    assert prune(photos).removed == 1


def test_how_many_were_left_out_is_told(photos: Path) -> None:
    tree(photos, "a.jpg", ".b.jpg", ".c.jpg", "x/#recycle/d.jpg", "y/#recycle/z/e.jpg")
    tree(photos, ".trashed-1-f.jpg", ".hidden/g.jpg", "lib.photoslibrary/h.jpg")
    (photos / ".notes.txt").touch()
    run = make(photos)
    left_out = {"hidden": 2, "#recycle": 2, ".trashed-*": 1, "*.photoslibrary": 1}
    assert run.summary["left_out"] == left_out
    assert make_thumbnails(photos).left_out == left_out
    text = thumbnailer("make", photos).out
    for name, number in left_out.items():
        assert f"{number} {name}" in text.splitlines()[-1]
    assert "left out" not in thumbnailer("make", photos / "lib.photoslibrary").out
    assert "left out" not in thumbnailer("make", "--quiet", photos).out


EXTRAS = ["pillow_heif", "pylibjxl", "pyvips", "rawpy"]
LACKING = f"import sys\nsys.modules.update(dict.fromkeys({EXTRAS}))\n"
UNREAD = {"heif": 2, "raw": 1, "psd": 1, "ico": 1, "jxl": 1, "svg": 1}


@pytest.fixture
def lacking(photos: Path, tmp_path: Path) -> str:
    """Pictures of formats that are not read, since no extra is installed, or nobody asked."""
    tree(photos, "a.jpg")
    names = ("b.HEIC", "c.heif", "trip/d.NEF", "e.psd", "f.ico", "g.jxl", "h.svg")
    for name in (*names, "i.mp4", "._j.heic", ".k.heic", "psd", "thumbs.db"):
        (photos / name).parent.mkdir(exist_ok=True)
        (photos / name).touch()
    (tmp_path / "sitecustomize.py").write_text(LACKING)
    return str(tmp_path)


@pytest.mark.parametrize("options", [[], ["--verbose"], ["--dry-run"]])
def test_pictures_of_formats_that_are_not_read_are_told_of(
    photos: Path, lacking: str, options: list[str]
) -> None:
    """Also to a script, and where nothing else is found: each kind, and how it can be read."""
    line = (
        "2 HEIC, 1 ICO, 1 JPEG XL, 1 PSD, 1 raw and 1 SVG pictures left out: "
        f"{install_hint('heif,jxl,raw,vips')}; --also ico,psd,svg\n"
    )
    run = in_a_process("make", photos, *options, TERM="dumb", PYTHONPATH=lacking)
    assert line in run.out
    (photos / "a.jpg").unlink()
    assert line in in_a_process("make", photos, *options, PYTHONPATH=lacking).out
    run = in_a_process("make", photos, "--quiet", *options, PYTHONPATH=lacking)
    assert "left out" not in run.out + run.err


def test_json_counts_them(photos: Path, lacking: str) -> None:
    run = in_a_process("make", photos, "--json", PYTHONPATH=lacking)
    assert run.summary["unread"] == UNREAD
    assert run.err == ""


def test_only_what_would_be_taken_counts_as_left_out(photos: Path) -> None:
    for name in ("a.psd", "b.psd", "x/c.psd", "y/d.psd"):
        (photos / name).parent.mkdir(exist_ok=True)
        (photos / name).touch()
    assert make_thumbnails(photos).unread == {"psd": 4}
    assert make_thumbnails(photos, exclude=("y", "b.*")).unread == {"psd": 2}
    assert make_thumbnails(photos, recursive=False).unread == {"psd": 2}
    assert make_thumbnails(photos, also=("psd",)).unread == {}
    assert make_thumbnails(photos, include=("*.jpg",)).unread == {}
    assert make_thumbnails(photos / "a.psd").unread == {}, "it was named"


def test_status_tells_what_is_not_read(photos: Path) -> None:
    (photos / "a.psd").touch()
    run = thumbnailer("status", photos)
    assert "1 PSD picture left out: --also psd\n" in run.out
    assert status(photos).unread == {"psd": 1}


def test_a_watch_tells_what_is_not_read(photos: Path) -> None:
    tree(photos, "a.jpg")
    (photos / "b.psd").touch()
    with watching(photos) as watch:
        soon(watch, lambda: "1 PSD picture left out: --also psd" in watch.printed())


def test_excluding_what_is_left_out_anyway_is_no_mistake(photos: Path) -> None:
    everything(photos)
    globs = ("#recycle", ".trashed-*", "SYNOFILE_THUMB_*", "/@eaDir")
    assert make_thumbnails(photos, exclude=globs).notes == []


@pytest.mark.slow
def test_it_is_the_same_in_a_bucket(storage: Storage, tmp_path: Path) -> None:
    data = picture(tmp_path / "a.jpg").read_bytes()
    for name in [*TAKEN, *(f"{name}/a.jpg" for name in FOLDERS), *FILES]:
        storage.put(f"photos/{name}", data)
    url = f"{storage.url}/photos"

    def found(**choice: Any) -> set[str]:
        outcomes = iter_thumbnails(url, output=tmp_path / "t", dry_run=True, **choice)
        return {outcome.source.path.removeprefix(f"{url}/") for outcome in outcomes}

    assert found() == {*TAKEN}
    assert found(include=("#recycle/*", ".a.jpg")) == {"#recycle/a.jpg", ".a.jpg"}
    report = make_thumbnails(url, output=tmp_path / "t", dry_run=True)
    assert report.left_out["hidden"] == 1
    assert report.left_out["#recycle"] == 1


@pytest.mark.parametrize("options", [[], ["--poll", "0.3"]])
@pytest.mark.few(1)
def test_it_is_the_same_in_a_watch(photos: Path, options: list[str]) -> None:
    starting_tree(photos)
    with watching(*options, photos) as watch:
        catches_up(watch, *options, photos)
        seen = len(rows(watch))
        shell("mkdir '#recycle' x.lrdata; cp ../else/new.jpg '#recycle'", photos)
        shell("cp ../else/new.jpg .pending-1-n.jpg; cp ../else/new.jpg .b.jpg", photos)
        shell("cp ../else/new.jpg x.lrdata; cp ../else/new.jpg SYNOFILE_THUMB_M.jpg", photos)
        shell("mv a.jpg .trashed-1-a.jpg; mv .pending-1-n.jpg n.jpg", photos)
        soon(watch, lambda: of_source(watch, photos / "n.jpg") == ["made"])
        soon(watch, lambda: of_source(watch, photos / "a.jpg") == ["made", "removed"])
        catches_up(watch, *options, photos)
        told = {row.get("source") for row in rows(watch)[seen:]} - {None}
        assert told == {str(photos / "a.jpg"), str(photos / "n.jpg")}
        assert not (photos / "#recycle" / "thumbs").exists()


def test_the_help_names_all_of_them() -> None:
    text = page("make")
    assert [name for name in LEFT_OUT if f"`{name}`" not in text] == []
