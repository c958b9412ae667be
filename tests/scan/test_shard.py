"""Several machines without a cluster share a run: each takes one shard of the pictures."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from support.marks import posix_only
from support.pictures import files_below, picture, tree
from support.program import make, remove, thumbnailer
from support.shards import (
    COUNT,
    NAMES,
    apart,
    contents,
    every,
    run_at_once,
    run_shards,
    shard_of,
    statuses_of,
)

from thumbnailer import (
    ConfigError,
    Settings,
    explain,
    iter_thumbnails,
    make_thumbnails,
    prune,
    status,
    verify,
    watch,
    write_gallery,
)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    return tree(tmp_path / "photos", *NAMES)


def taken(root: Path, shard: str, *options: str) -> set[str]:
    """The pictures below a SOURCE that a run takes."""
    run = make(root, "--dry-run", "--shard", shard, *options)
    return {os.path.relpath(row["source"], root).replace(os.sep, "/") for row in run.rows}


def test_which_pictures_it_has_follows_from_their_paths_alone(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = {
        shard: {n for n in NAMES if shard_of(n, 4) == k + 1} for k, shard in enumerate(every(4))
    }
    assert {shard: taken(photos, shard) for shard in every(4)} == expected
    elsewhere = tmp_path / "mnt" / "b"
    shutil.copytree(photos, elsewhere)
    monkeypatch.chdir(elsewhere.parent)
    for root in (elsewhere, Path("b"), Path("../mnt/b/")):
        assert taken(root, "2/4") == expected["2/4"]
    assert shard_of("2024/IMG_0001.jpg", 16) == 5  # for ever


@posix_only
def test_names_that_are_no_utf_8_and_the_forms_of_unicode_count_as_they_are(
    tmp_path: Path,
) -> None:
    names = {os.fsdecode(b"\xe9.jpg"), "\u00e9.jpg", "e\u0301.jpg", "\u65e5.jpg"}
    tree(tmp_path / "p", *names)
    for number in (1, 2):
        expected = {name for name in names if shard_of(name, 2) == number}
        found = iter_thumbnails(tmp_path / "p", shard=f"{number}/2", dry_run=True)
        assert {os.path.basename(one.source.path) for one in found} == expected


def test_shards_are_of_about_one_size(tmp_path: Path) -> None:
    for number in range(1600):
        (tmp_path / f"IMG_{number:05}.jpg").touch()
    sizes = [status(tmp_path, shard=shard).pictures for shard in every(16)]
    assert sum(sizes) == 1600
    assert min(sizes) > 60
    assert max(sizes) < 140


@pytest.mark.parametrize(
    "overrides",
    [
        {},
        {"output": "out"},
        {"output": "out", "size": ["16", "32"], "format": "auto"},
        {"name": "{name}-{hash}"},
        {"by_content": True},
    ],
)
def test_all_shards_make_what_one_run_makes(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, overrides: dict[str, Any]
) -> None:
    if overrides.get("by_content"):
        for name in ("a", "0/IMG_0003", "b/d", "1/x"):
            shutil.copy(photos / "0" / "IMG_0000.jpg", photos / name)
    alone, shared = tmp_path / "alone", tmp_path / "shared"
    for folder in (alone, shared):
        folder.mkdir()
        shutil.copytree(photos, folder / "photos")
    monkeypatch.chdir(alone)
    expected = {one.source.path: one for one in iter_thumbnails("photos", **overrides)}
    monkeypatch.chdir(shared)
    found = run_shards("photos", **overrides)
    assert {path: one.status for path, one in found.items()} == {
        path: one.status for path, one in expected.items()
    }
    assert contents(shared) == contents(alone)
    again = run_shards("photos", **overrides)
    made = {path for path, one in expected.items() if one.status == "made"}
    assert {path for path, one in again.items() if one.status == "current"} == made
    for folder in (alone, shared):  # each after the other kind of run
        monkeypatch.chdir(folder)
        report = make_thumbnails("photos", **overrides)
        assert (report.made, report.current) == (0, len(made))
        assert {one.status for one in run_shards("photos", **overrides).values()} <= {
            "current",
            "failed",
            "skipped",
        }


@pytest.mark.parametrize("output", ["", "out"])
def test_all_at_the_same_time_lose_nothing(photos: Path, tmp_path: Path, output: str) -> None:
    alone = tmp_path / "alone"
    shutil.copytree(photos, alone / "photos")
    runs = run_at_once(6, photos, *_to(tmp_path, output))
    assert set(statuses_of(runs, photos)) == set(NAMES)
    make(alone / "photos", *_to(alone, output))
    of_all = tmp_path / (output or "photos")
    assert contents(of_all) == contents(alone / (output or "photos"))
    report = make_thumbnails(photos, output=tmp_path / output if output else "")
    assert (report.made, report.current) == (0, len(NAMES) - report.failed)


def _to(folder: Path, output: str) -> list[str | Path]:
    return ["--output", folder / output] if output else []


def test_a_conflict_between_shards_ends_as_in_one_run_whichever_comes_first(
    tmp_path: Path,
) -> None:
    count = apart("a.png", "a.png.jpg")
    first, second = (f"{shard_of(name, count)}/{count}" for name in ("a.png", "a.png.jpg"))
    for order in ((first, second), (second, first)):
        folder = tree(tmp_path / order[0].replace("/", "of"), "a.png", "a.png.jpg")
        runs = [make(folder, "--shard", shard) for shard in order]
        assert statuses_of(runs, folder) == {"a.png": "made", "a.png.jpg": "failed"}
        (failed,) = (row for run in runs for row in run.rows if row["status"] == "failed")
        assert "a.png.jpg is already the thumbnail of" in failed["error"]["reason"]
        assert verify(folder).wrong == 0


def test_twins_but_for_case_get_the_same_names_as_in_one_run(tmp_path: Path) -> None:
    """A disk that ignores case would take one thumbnail for the other."""
    folder = tree(tmp_path / "p", "X.jpg", "x.jpg")
    if len(files_below(folder)) < 2:
        pytest.skip("this disk ignores case")
    count = apart("X.jpg", "x.jpg")
    make(folder, "--shard", f"{shard_of('x.jpg', count)}/{count}")
    (made,) = files_below(folder / "thumbs")
    assert made.startswith("x~")


def test_what_belongs_to_others_is_neither_opened_nor_reported(tmp_path: Path) -> None:
    (tmp_path / "good").mkdir()
    names = [f"{number}.jpg" for number in range(8)]
    own = {name for name in names if shard_of(name, 2) == 1}
    for name in names:
        if name in own:
            picture(tmp_path / name)
        elif os.name == "posix":
            (tmp_path / name).symlink_to("nothing")
        else:
            (tmp_path / name).write_bytes(b"broken")
    run = make(tmp_path, "--shard", "1/2")
    assert run.statuses == dict.fromkeys(own, "made")
    assert run.summary["found"] == len(own)
    assert run.summary["notes"] == ["shard 1 of 2"]
    assert run.code == 0
    text = thumbnailer("make", tmp_path, "--shard", "1/2")
    assert text.out == f"{len(own)} found, 0 made, {len(own)} current; nothing to do\n"
    assert text.err == "shard 1 of 2\n"


def test_status_and_verify_judge_the_same_pictures(photos: Path) -> None:
    own = [name for name in NAMES if shard_of(name, COUNT) == 2]
    assert status(photos, shard="2/3").pictures == len(own)
    made = make_thumbnails(photos, shard="2/3").made
    report = status(photos, shard="2/3")
    assert (report.current, report.missing, report.notes) == (made, 0, ("shard 2 of 3",))
    assert verify(photos, shard="2/3").whole == made
    assert verify(photos).missing > 0
    assert "shard 2 of 3" in thumbnailer("status", photos, "--shard", "2/3").err


def test_a_file_that_is_named_counts_by_its_name(photos: Path) -> None:
    names = [f"0/IMG_{number:04}.jpg" for number in range(0, 24, 3)]
    paths = [photos / name for name in names]
    own = {path.name for path in paths if shard_of(path.name, 2) == 2}
    assert make(*paths, "--shard", "2/2").statuses == dict.fromkeys(own, "made")
    others = iter_thumbnails(iter(paths), shard="1/2")
    assert {Path(one.source.path).name for one in others} == {path.name for path in paths} - own


def test_progress_is_that_of_its_own_pictures(photos: Path) -> None:
    totals = set[int]()
    make_thumbnails(photos, shard="2/3", progress=lambda one: totals.add(one.found))
    assert totals - {0} == {sum(shard_of(name, 3) == 2 for name in NAMES)}


def test_sources_that_overlap_are_shared_like_the_outermost(photos: Path) -> None:
    runs = [make(photos / "0", photos, "--dry-run", "--shard", shard) for shard in every(COUNT)]
    assert set(statuses_of(runs, photos)) == set(NAMES)
    for number, run in enumerate(runs, 1):
        assert all(shard_of(name, COUNT) == number for name in statuses_of([run], photos))
        note, overlap = run.summary["notes"]
        assert (note, "each picture is taken once" in overlap) == (f"shard {number} of 3", True)


def test_a_glob_that_matches_only_others_pictures_has_matched(photos: Path) -> None:
    name = next(name for name in NAMES if name.startswith("0/") and shard_of(name, 2) == 1)
    run = make(photos, "--shard", "2/2", "--exclude", name.partition("/")[2])
    assert run.summary["notes"] == ["shard 2 of 2"]


def test_a_template_by_which_two_have_one_name_is_refused_in_all_shards(tmp_path: Path) -> None:
    tree(tmp_path, "a.jpg", "a.png")
    for shard in every(apart("a.jpg", "a.png")):
        with pytest.raises(ConfigError, match="would both have the thumbnail"):
            make_thumbnails(tmp_path, name="{stem}", shard=shard)


def test_nothing_is_removed_that_belongs_to_others(photos: Path, tmp_path: Path) -> None:
    make_thumbnails(photos)
    before = contents(photos)
    config = tmp_path / "config.toml"
    config.write_text('shard = "1/3"\n')
    report = prune(photos, shard="1/3", stale=True, yes=True)
    assert (report.orphaned, report.stale, report.removed) == (0, 0, 0)
    remove("prune", photos, "--config", config, "--stale", "--yes")
    for shard in every(COUNT):
        make_thumbnails(photos, shard=shard)
    assert contents(photos) == before
    assert status(photos, shard="1/3").orphaned == 0


def test_a_picture_that_moves_to_another_shard_keeps_its_thumbnail(photos: Path) -> None:
    make_thumbnails(photos)
    before = contents(photos / "0" / "thumbs")
    old = "0/IMG_0000.jpg"
    new = next(
        f"0/new{n}.jpg" for n in range(99) if shard_of(f"0/new{n}.jpg", 2) != shard_of(old, 2)
    )
    (photos / old).rename(photos / new)
    make_thumbnails(photos, shard=f"{shard_of(old, 2)}/2")  # which does not see it any more
    assert contents(photos / "0" / "thumbs") == before
    (outcome,) = (
        one
        for one in iter_thumbnails(photos, shard=f"{shard_of(new, 2)}/2")
        if one.status == "made"
    )
    assert outcome.seconds == 0  # no worker had it
    expected = {name for name in before if name != "IMG_0000.jpg"} | {Path(new).name}
    assert set(contents(photos / "0" / "thumbs")) == expected


def test_a_picture_is_explained_whichever_shard_it_is_in(photos: Path) -> None:
    for shard in every(COUNT):
        assert explain(photos / NAMES[0], root=photos, shard=shard).thumbnails


def test_the_cache_of_the_desktop_is_shared_too(photos: Path, tmp_path: Path) -> None:
    to: dict[str, Any] = {"layout": "freedesktop", "output": tmp_path / "cache"}
    assert {one.status for one in run_shards(photos, **to).values()} == {"made"}
    assert {one.status for one in run_shards(photos, **to).values()} == {"current"}
    assert len(list((tmp_path / "cache" / "large").iterdir())) == len(NAMES)


def test_a_page_has_the_pictures_of_all(photos: Path) -> None:
    make_thumbnails(photos)
    settings = Settings(shard="1/3")
    pages = write_gallery(photos, settings).pages
    assert [page.pictures for page in pages] == [
        page.pictures for page in write_gallery(photos).pages
    ]


@pytest.mark.parametrize("text", ["0/4", "5/4", "a", "3", "1/10001", "1/0", "1/2/3", ""])
def test_other_values_are_refused_in_one_line(photos: Path, text: str) -> None:
    run = thumbnailer("make", photos, "--shard", text)
    what = f"--shard {text}:" if text else "--shard: is empty;"
    right = 'must be K/N, such as "3/16", with K from 1 to N and N up to 10000'
    assert (run.code, run.out, run.err) == (2, "", f"thumbnailer: {what} {right}\n")
    if text:
        with pytest.raises(ConfigError, match="must be K/N"):
            Settings(shard=text)


def test_a_watch_takes_no_shard(photos: Path) -> None:
    with pytest.raises(ConfigError, match=r"^shard = '1/3': has no place in a watch, which takes"):
        watch(photos, shard="1/3", stop_event=None)  # type: ignore[arg-type]
