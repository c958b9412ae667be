"""Thumbnails that the present settings would not make are removed on request, and no others."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from PIL import Image
from support.marks import root_only
from support.pictures import files_below, picture, snapshot, tree
from support.program import Run, make, remove, thumbnailer

from thumbnailer import PruneRefused, Settings, make_thumbnails, prune
from thumbnailer.operations.removal.prune import find_orphaned, remove_found

NAMES = ("a.jpg", "b.jpg", "c.png", "sub/d.jpg")


def run_prune(*arguments: str | Path, prefix: tuple[str, ...] = ()) -> Run:
    """`thumbnailer prune --stale --json`."""
    return remove("prune", "--stale", *arguments, prefix=prefix)


def removed(run: Run) -> set[str]:
    return {row["thumbnail"] for row in run.rows if row["status"] == "removed"}


@pytest.mark.parametrize("where", ["thumbs", "output"])
@pytest.mark.parametrize(
    "other",
    [
        ["--size", "64", "--size", "32"],
        ["--format", "webp"],
        ["--name", "{stem}_{size}"],
        ["--format", "auto", "--name", "{hash}"],
    ],
    ids=["sizes", "format", "name", "auto"],
)
@pytest.mark.parametrize("first", ["other", "present"])
def test_what_other_settings_made_goes_and_the_rest_stays(
    photos: Path, tmp_path: Path, other: list[str], where: str, first: str
) -> None:
    tree(photos, *NAMES)
    output = ["-o", str(tmp_path / "out")] if where == "output" else []
    make(photos, *output)
    before = snapshot(tmp_path)
    if first == "other":
        shutil.rmtree(tmp_path / "out" if output else photos / "thumbs")
        make(photos, *output, *other)
    make(photos, *output, *other)
    make(photos, *output)
    run = run_prune("--yes", photos, *output)
    assert run.code == 0
    assert run.summary["stale"] == run.summary["removed"] > 0
    assert run.summary["orphaned"] == 0
    assert snapshot(tmp_path).keys() == before.keys(), "folders that are empty have gone, too"
    assert make(photos, *output).summary["current"] == 4
    assert run_prune(photos, *output).rows == []


def test_another_layout_is_what_other_settings_made(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    make(tree(photos, *NAMES))
    make(photos, "-o", out)
    run = run_prune(photos, "-o", out)
    assert removed(run) == {
        f"{photos}/{name}"
        for name in ("thumbs/a.jpg", "thumbs/b.jpg", "thumbs/c.png.jpg", "sub/thumbs/d.jpg")
    }
    assert files_below(photos) == {*NAMES}
    assert make(photos, "-o", out).summary["current"] == 4


def test_without_an_output_nothing_is_known_of_an_output_tree(photos: Path, tmp_path: Path) -> None:
    make(tree(photos, *NAMES), "-o", photos / "out")
    make(photos)
    assert run_prune("--yes", photos).summary["thumbnails"] == 4
    assert len(files_below(photos / "out")) == 4


def test_what_make_makes_anew_in_its_place_is_not_stale(photos: Path) -> None:
    make(tree(photos, *NAMES), "--quality", "50", "--fit", "cover")
    os.utime(photos / "a.jpg", (1, 1))
    run = run_prune(photos)
    assert (run.summary["thumbnails"], run.summary["stale"], run.rows) == (4, 0, [])


def test_in_format_auto_either_name_is_asked_for_until_it_is_known_which(photos: Path) -> None:
    picture(photos / "opaque.jpg")
    Image.new("RGBA", (64, 64), (255, 0, 0, 100)).save(photos / "clear.png")
    make(photos, "-f", "auto")
    for path in photos.glob("*.*"):
        os.utime(path, (1, 1))
    assert run_prune("--yes", photos, "-f", "auto").rows == []
    assert files_below(photos / "thumbs") == {"opaque.jpg", "clear.png"}


@pytest.mark.parametrize(
    ("options", "stale"),
    [
        (["--exclude", "b.jpg"], {"thumbs/b.jpg"}),
        (["--exclude", "sub"], {"sub/thumbs/d.jpg"}),
        (["--include", "*.jpg"], {"thumbs/c.png.jpg"}),
        (["--no-recursive"], {"sub/thumbs/d.jpg"}),
        ([], set()),
    ],
    ids=lambda value: value[-1] if value and isinstance(value, list) else "",
)
def test_a_picture_that_is_left_out_has_no_thumbnail(
    photos: Path, tmp_path: Path, options: list[str], stale: set[str]
) -> None:
    make(tree(photos, *NAMES))
    assert removed(run_prune(photos, *options)) == {f"{photos}/{path}" for path in stale}
    assert make(photos, *options).summary["current"] == 4 - len(stale)
    out = tmp_path / "out"
    make(photos, "-o", out)
    shutil.rmtree(photos / "thumbs")
    shutil.rmtree(photos / "sub" / "thumbs", ignore_errors=True)
    run = run_prune(photos, "-o", out, *options)
    assert removed(run) == {f"{out}/{path.replace('thumbs/', '')}" for path in stale}


def test_hidden_pictures_and_folders_are_left_out_unless_they_are_named(photos: Path) -> None:
    tree(photos, *NAMES, ".hidden.jpg", ".folder/e.jpg", "#recycle/f.jpg")
    named = [word for glob in (".*", ".folder/*", "*.*") for word in ("--include", glob)]
    assert make(photos, *named).summary["made"] == 6
    make(photos / "#recycle")
    assert run_prune(photos, *named).rows == []
    expected = {f"{photos}/thumbs/.hidden.jpg", f"{photos}/.folder/thumbs/e.jpg"}
    assert removed(run_prune(photos)) == expected
    assert (photos / "#recycle" / "thumbs" / "f.jpg").exists(), "another program's is not entered"


def test_a_dry_run_lists_and_touches_nothing(photos: Path) -> None:
    make(tree(photos, *NAMES))
    make(photos, "-f", "webp")
    (photos / "a.jpg").unlink()
    before = snapshot(photos)
    run = thumbnailer("prune", "--stale", "-n", photos)
    *lines, summary = run.out.splitlines()
    paths = [f"{photos}/{name}" for name in ("sub/thumbs/d.jpg.webp", "thumbs/a.jpg")]
    paths += [f"{photos}/thumbs/{name}.webp" for name in NAMES[:3]]
    assert sorted(lines) == [f"would remove: {path}" for path in paths]
    assert summary.startswith("8 thumbnails, 2 orphaned, 3 stale, 5 would be removed in ")
    assert snapshot(photos) == before


def test_more_than_half_goes_only_if_told(photos: Path, tmp_path: Path) -> None:
    make(tree(photos, *NAMES), "--size", "64", "--size", "32", "-f", "webp")
    before = snapshot(photos)
    run = thumbnailer("prune", "--stale", photos)
    assert (run.code, run.out) == (1, "")
    assert run.err == (
        "thumbnailer: 8 of 8 thumbnails are what other settings make, which is more than half: "
        "nothing was removed (4 look as if made with --size 32 and --format webp; see --dry-run; "
        "--yes if this is right)\n"
    )
    run = thumbnailer("prune", "--stale", photos, "-o", tmp_path / "out")
    assert "4 look as if made with no --output and --size 32 and --format webp" in run.err
    assert snapshot(photos) == before
    assert run_prune("--yes", photos).summary["removed"] == 8
    assert files_below(photos) == {*NAMES}


def test_orphans_and_what_is_stale_are_too_many_together(photos: Path) -> None:
    make(tree(photos, *(f"{number}.jpg" for number in range(5))))
    for number in (0, 1):
        (photos / f"{number}.jpg").unlink()
    run = thumbnailer("prune", "--stale", photos, "--exclude", "[23].jpg")
    assert run.code == 1
    reason = "2 of 5 thumbnails have no source any more and 2 are what other settings make, which"
    assert run.err.startswith(f"thumbnailer: {reason} is more than half: nothing was removed (see")
    run = run_prune(photos, "--exclude", "2.jpg", "--yes")
    counts = {name: run.summary[name] for name in ("thumbnails", "orphaned", "stale", "removed")}
    assert counts == {"thumbnails": 5, "orphaned": 2, "stale": 1, "removed": 3}
    assert files_below(photos / "thumbs") == {"3.jpg", "4.jpg"}


def test_without_being_asked_for_nothing_stale_goes(photos: Path) -> None:
    make(tree(photos, *NAMES))
    make(photos, "-f", "webp")
    run = thumbnailer("prune", "--yes", photos, "--exclude", "*")
    assert run.out.startswith("8 thumbnails, 0 orphaned, 0 removed in ")
    assert thumbnailer("prune", "--json", photos).summary["stale"] == 0


def test_all_thumbnails_of_a_picture_stay_that_fails_or_has_a_file_in_its_way(photos: Path) -> None:
    make(tree(photos, *NAMES))
    (photos / "a.jpg").write_text("no picture any more")
    (photos / "thumbs" / "b.jpg.webp").write_text("mine")
    assert make(photos, "-f", "webp").summary["failed"] == 2
    make(photos, "-f", "webp")
    run = run_prune(photos, "-f", "webp", "--yes")
    assert removed(run) == {f"{photos}/thumbs/c.png.jpg", f"{photos}/sub/thumbs/d.jpg"}
    assert {"a.jpg", "b.jpg", "b.jpg.webp"} <= files_below(photos / "thumbs")


def test_what_failed_with_other_settings_keeps_no_folder(photos: Path) -> None:
    (tree(photos, *NAMES) / "broken.jpg").write_text("no picture")
    make(photos, "--size", "64", "--size", "32")
    make(photos)
    run_prune("--yes", photos)
    assert not list(photos.rglob("64"))
    assert "failed before" in thumbnailer("make", photos).out


def test_of_what_may_not_be_read_nothing_is_stale(
    photos: Path, tmp_path: Path, restricted: tuple[str, ...]
) -> None:
    tree(photos, "a.jpg", "locked/b.jpg", "unlisted/c.jpg")
    out = tmp_path / "out"
    make(photos, "-o", out, "-f", "webp")
    make(photos, "-o", out)
    (photos / "locked").chmod(0)
    (photos / "unlisted").chmod(0o311)
    try:
        run = run_prune(photos, "-o", out, prefix=restricted)
        more = ["--yes", "--exclude", "locked", "--exclude", "a.jpg"]
        left_out = run_prune(photos, "-o", out, *more, prefix=restricted)
    finally:
        (photos / "locked").chmod(0o700)
        (photos / "unlisted").chmod(0o700)
    assert removed(run) == {f"{out}/a.jpg.webp"}
    assert removed(left_out) == {f"{out}/a.jpg"}
    assert left_out.summary["stale"] == 1
    for each in (run, left_out):
        kept = {row["thumbnail"] for row in each.rows if row["status"] == "kept"}
        assert kept == {f"{out}/locked/b.jpg", f"{out}/locked/b.jpg.webp"}
    assert len(files_below(out)) == 4


def test_a_thumbnail_that_was_changed_since_is_the_user_s(photos: Path) -> None:
    make(tree(photos, *NAMES), "-f", "webp")
    make(photos)
    (photos / "thumbs" / "a.jpg.webp").write_text("mine")
    (photos / "thumbs" / "b.jpg.webp").unlink()
    (photos / "thumbs" / "b.jpg.webp").symlink_to(photos / "b.jpg")
    assert len(removed(run_prune(photos))) == 2
    assert (photos / "thumbs" / "a.jpg.webp").read_text() == "mine"
    assert (photos / "thumbs" / "b.jpg.webp").is_symlink()
    told = thumbnailer("clean", "-n", photos).err
    assert "a.jpg.webp: has been changed since" in told, "the ledger has not forgotten it"


def test_pictures_behind_links_and_elsewhere_are_none_of_its_business(tmp_path: Path) -> None:
    for name in ("one", "two"):
        tree(tmp_path / name, "a.jpg", "in/b.jpg")
    out = tmp_path / "out"
    make(tmp_path / "one", tmp_path / "two", "-o", out, "-f", "webp")
    make(tmp_path / "one", tmp_path / "two", "-o", out)
    (tmp_path / "one" / "in").rename(tmp_path / "moved")
    (tmp_path / "one" / "in").symlink_to(tmp_path / "moved")
    run = run_prune(tmp_path / "one", tmp_path / "two", "-o", out, "--exclude", "b.jpg", "--yes")
    assert removed(run) == {
        f"{out}/{path}" for path in ("one/a.jpg.webp", "two/a.jpg.webp", "two/in/b.jpg.webp")
    } | {f"{out}/two/in/b.jpg"}
    before = files_below(out)
    run = run_prune(tmp_path / "one", "-o", out)
    assert (run.code, run.out) == (1, ""), "it was made for several SOURCEs"
    assert files_below(out) == before


@pytest.mark.parametrize("output", [[], ["-o", "out"]], ids=["thumbs", "output"])
@pytest.mark.parametrize(
    "sources",
    [
        ["photos/", "photos/sub"],
        ["photos/sub", "photos"],
        ["alias", "photos"],
        ["photos", "alias"],
        ["./photos/../photos"],
    ],
    ids=" ".join,
)
def test_however_sources_are_spelled(
    tmp_path: Path, output: list[str], sources: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    tree(tmp_path / "photos", *NAMES)
    (tmp_path / "alias").symlink_to("photos")
    for include in ([], ["--include", "*.jpg", "--include", "/sub/*", "--include", "/d.jpg"]):
        found = make(*sources, *output, *include).summary["found"]
        assert run_prune("--yes", *sources, *output).summary["removed"] == 0
        made = make(*sources, *output, "-f", "webp", *include).summary["made"]
        assert len(removed(run_prune("--yes", *sources, *output, *include))) >= made
        assert make(*sources, *output, *include).summary["current"] == found


@root_only
def test_a_folder_that_is_mounted_twice_has_no_stale_thumbnails(tmp_path: Path) -> None:
    photos, other = tree(tmp_path / "photos", *NAMES), tmp_path / "other"
    other.mkdir()
    try:
        subprocess.run(["mount", "--bind", photos, other], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("may not mount")
    try:
        make(photos, other)
        run = run_prune(photos, other, "--yes")
    finally:
        subprocess.run(["umount", other], check=True)
    assert run.rows == []
    assert len(files_below(photos)) == 8


def test_thumbnails_with_a_hash_in_their_names_are_asked_for(photos: Path) -> None:
    tree(photos, "A.jpg", "a.jpg", "caf\u00e9.jpg", "cafe\u0301.jpg", f"{'x' * 250}.png")
    assert make(photos).summary["made"] == 5
    assert run_prune(photos, "--yes").rows == []
    assert run_prune(photos, "--yes", "-f", "webp").summary["removed"] == 5


def test_what_is_wanted_again_or_lost_between_counting_and_removing_stays(photos: Path) -> None:
    tree(photos, "a.jpg", "b.jpg", "c.jpg", "d.jpg", "e.jpg")
    make(photos, "-f", "webp")
    make(photos)
    findings = find_orphaned(photos, Settings(), stale=True)
    assert findings.stale_files == 5
    make_thumbnails(photos / "a.jpg", format="webp", quality=30)
    (photos / "b.jpg").rename(photos / "b.away")
    (photos / "thumbs" / "c.jpg.webp").write_text("mine")
    (photos / "d.jpg").write_text("changed")
    done = {os.path.basename(one.thumbnail) for one in remove_found(findings, Settings())}
    assert done == {"d.jpg.webp", "e.jpg.webp"}
    assert {"a.jpg.webp", "b.jpg.webp", "c.jpg.webp"} <= files_below(photos / "thumbs")


def test_where_no_ledger_tells_what_is_stale_it_is_refused(photos: Path, tmp_path: Path) -> None:
    tree(photos, "a.jpg")
    (tmp_path / "c.toml").write_text('layout = "freedesktop"')
    run = thumbnailer("prune", "--stale", photos, "-c", tmp_path / "c.toml")
    assert (run.code, run.out) == (2, "")
    assert "the desktop prunes its cache itself" in run.err
    run = thumbnailer("prune", "--stale", photos, "-o", "s3://bucket/thumbs")
    assert (run.code, run.out) == (2, "")


def test_a_configuration_file_says_what_is_stale(photos: Path, tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text('format = "webp"\n[sizes.small]\nsize = 32\n[sizes.large]\nsize = 64\n')
    make(tree(photos, *NAMES), "-c", config)
    assert run_prune(photos, "-c", config).rows == []
    config.write_text('format = "webp"\n[sizes.small]\nsize = 32\n[sizes.huge]\nsize = 64\n')
    run = run_prune(photos, "-c", config)
    assert {Path(path).parent.name for path in removed(run)} == {"large"}
    assert run.summary["removed"] == 4


def test_the_library_counts_them_apart(photos: Path) -> None:
    make_thumbnails(tree(photos, *NAMES), format="webp")
    make_thumbnails(photos)
    picture(photos / "new.jpg")
    make_thumbnails(photos)
    (photos / "new.jpg").unlink()
    dry = prune(photos, stale=True, dry_run=True)
    assert (dry.thumbnails, dry.orphaned, dry.stale, dry.removed) == (9, 1, 4, 0)
    with pytest.raises(PruneRefused, match=r"1 of 9 .* 4 are what other settings make"):
        prune(photos, stale=True)
    done = prune(photos, Settings(format="webp"), stale=True, yes=True)
    assert (done.stale, done.removed, done.failed) == (4, 5, 0)
    assert {Path(one.thumbnail).suffix for one in done.removals} == {".jpg"}
    assert prune(photos).stale == 0
