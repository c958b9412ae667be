"""All that is ours is removed on request, and nothing else: the tree is what it was before."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest
from support.marks import root_only
from support.pictures import files_below, picture, snapshot, tree
from support.program import THUMBNAILER, Run, in_a_process, make, remove, thumbnailer
from support.terminal import on_terminal
from support.waiting import eventually

from thumbnailer import SourceError, clean, make_thumbnails, write_gallery

MARK = ".thumbnailer"
NAMES = ("a.jpg", "b.png", "sub/c.jpg", "sub/deep/er/d.jpg")
SIZES = ["--size", "64", "--size", "32"]


def run_clean(*arguments: str | Path, prefix: tuple[str, ...] = ()) -> Run:
    """`thumbnailer clean --yes --json`; checks that no more is removed than was counted."""
    run = remove("clean", "--yes", *arguments, prefix=prefix)
    if run.out:
        assert sum(run.summary[name] for name in ("thumbnails", "pages")) >= run.summary["removed"]
    return run


def everything(root: Path) -> dict[str, bytes | str]:
    """All files, folders and links below a folder, with their content."""
    return {
        str(path.relative_to(root)): (
            os.readlink(path)
            if path.is_symlink()
            else path.read_bytes()
            if path.is_file()
            else "a folder"
        )
        for path in root.rglob("*")
    }


def with_files_of_the_user(root: Path) -> Path:
    tree(root, *NAMES, "caf\u00e9.jpg", "cafe\u0301.jpg", "A.jpg", f"{'x' * 240}.png")
    (root / "broken.jpg").write_text("no picture")
    (root / "notes.txt").write_text("mine")
    (root / "link.jpg").symlink_to("a.jpg")
    (root / "sub" / "thumbs").mkdir()
    picture(root / "sub" / "thumbs" / "mine.jpg")
    return root


@pytest.mark.parametrize("where", ["thumbs", "output", "both"])
@pytest.mark.parametrize(
    "options",
    [
        [],
        SIZES,
        ["--size", "64", "--format", "webp"],
        ["--format", "auto"],
        ["--name", "{stem}_{ext}_{hash}", *SIZES],
        ["--gallery"],
        ["--gallery", *SIZES],
    ],
    ids=lambda options: " ".join(options) or "plain",
)
def test_a_tree_is_what_it_was_before_the_first_make(
    photos: Path, tmp_path: Path, options: list[str], where: str
) -> None:
    out = tmp_path / "out"
    with_files_of_the_user(photos)
    before = everything(photos)
    if where != "output":
        thumbnailer("make", photos, *options)
    if where != "thumbs":
        thumbnailer("make", photos, *options, "-o", out)
    assert len(list(tmp_path.rglob(MARK))) > 3
    output: list[str | Path] = ["-o", out] if where != "thumbs" else []
    run = run_clean(photos, *output)
    assert (run.code, run.err) == (0, "")
    assert everything(photos) == before
    if where != "thumbs":
        assert everything(out) == {}, "the folder that was named stays"
    again = run_clean(photos)
    assert (again.rows, again.summary["folders"]) == ([], 0)


def test_folders_that_were_only_passed_through_go_too(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    tree(photos, "sub/deep/er/d.jpg")
    make(photos, "-o", out, *SIZES)
    tree(photos, *NAMES)
    make(photos, "-o", out)
    make(photos, "-o", out, *SIZES)
    run_clean(photos, "-o", out)
    assert everything(out) == {}
    tree(out, "64/sub/mine.jpg")
    before = everything(out)
    make(photos, "-o", out, *SIZES)
    run_clean(photos, "-o", out)
    assert everything(out) == before


@pytest.mark.parametrize("order", [1, -1])
def test_all_that_was_ever_made_goes_at_once(photos: Path, tmp_path: Path, order: int) -> None:
    with_files_of_the_user(photos)
    before = everything(tmp_path)
    every = [[], ["-f", "webp"], ["--name", "{stem}_{size}"], ["--gallery"], SIZES]
    for options in every[::order]:
        thumbnailer("make", photos, *options)
    thumbnailer("make", photos / "sub", "--gallery")
    thumbnailer("make", photos, "--include", ".*", "--include", "*.jpg")
    with_pictures_gone = photos / "sub" / "deep" / "er" / "d.jpg"
    content = with_pictures_gone.read_bytes()
    with_pictures_gone.unlink()
    run = run_clean(photos)
    with_pictures_gone.write_bytes(content)
    assert run.summary["pages"] == 2
    assert everything(tmp_path) == before


def test_hidden_folders_are_cleaned_and_those_of_others_only_if_they_are_named(
    photos: Path, tmp_path: Path
) -> None:
    tree(photos, ".hidden/a.jpg", ".hidden/.more/b.jpg", "#recycle/c.jpg")
    before = everything(photos)
    globs = [word for glob in (".hidden/*", "#recycle/*") for word in ("--include", glob)]
    assert make(photos, *globs, "--include", ".hidden/.more/*").summary["made"] == 3
    assert run_clean(photos).summary["removed"] == 2
    assert (photos / "#recycle" / "thumbs" / "c.jpg").exists()
    config = tmp_path / "config.toml"
    config.write_text('include = ["#recycle/*"]\n')
    assert run_clean(photos, "-c", config).summary["removed"] == 1
    assert everything(photos) == before


def test_sources_that_overlap_are_cleaned_once(tmp_path: Path) -> None:
    photos = tree(tmp_path / "photos", *NAMES)
    (tmp_path / "alias").symlink_to("photos")
    before = everything(tmp_path)
    make(photos, photos / "sub", tmp_path / "alias")
    run = run_clean(photos / "sub", photos, tmp_path / "alias", f"{photos}/../photos/")
    assert run.summary["thumbnails"] == run.summary["removed"] == 4
    assert everything(tmp_path) == before


def test_what_is_of_other_sources_stays_with_its_ledger_and_page(tmp_path: Path) -> None:
    one, two = tree(tmp_path / "one", *NAMES), tree(tmp_path / "two", "a.jpg", "sub/c.jpg")
    out = tmp_path / "out"
    make(two, "-o", out)
    thumbnailer("make", one, "-o", out, "--name", "{stem}_1", "--gallery")
    assert run_clean(one, "-o", out).summary["removed"] == 4
    assert {*everything(out)} == {*(MARK, "a.jpg", "index.html", "sub", f"sub/{MARK}", "sub/c.jpg")}
    assert make(two, "-o", out).summary["current"] == 2
    assert run_clean(two, "-o", out).summary["removed"] == 3
    assert everything(out) == {}
    make(one, two, "-o", out)
    assert run_clean(one, "-o", out).summary["removed"] == 4
    assert {*everything(out)} == {
        *(MARK, "two", f"two/{MARK}", "two/a.jpg", "two/sub", f"two/sub/{MARK}", "two/sub/c.jpg")
    }
    assert make(one, two, "-o", out).summary["current"] == 2


def test_without_an_output_an_output_tree_stays(photos: Path) -> None:
    make(tree(photos, *NAMES), "-o", photos / "out")
    before = everything(photos)
    run = run_clean(photos)
    assert (run.rows, run.summary["folders"]) == ([], 0)
    assert everything(photos) == before
    assert run_clean(photos, "-o", photos / "out").summary["removed"] == 4


def test_files_of_the_user_among_thumbnails_stay(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    picture(out / "mine.jpg")
    picture(out / "sub" / "b.jpg")
    tree(photos, *NAMES, "sub/b.jpg")
    before = everything(tmp_path)
    assert thumbnailer("make", photos, "-o", out).code == 3, "sub/b.jpg is in the way"
    run = run_clean(photos, "-o", out)
    assert (run.summary["thumbnails"], run.summary["removed"]) == (4, 4)
    assert everything(tmp_path) == before


def test_a_thumbnail_that_was_changed_since_is_kept_and_told(photos: Path) -> None:
    make(tree(photos, *NAMES))
    thumbs = photos / "thumbs"
    (thumbs / "a.jpg").write_text("mine")
    (thumbs / "b.png.jpg").unlink()
    (thumbs / "b.png.jpg").symlink_to(photos / "a.jpg")
    (thumbs / "notes.txt").write_text("mine, too")
    dry = thumbnailer("clean", "-n", photos)
    run = thumbnailer("clean", "--yes", photos)
    for told in (dry, run):
        assert sorted(told.err.splitlines()) == [
            f"kept: {thumbs}/{name}: has been changed since thumbnailer made it"
            for name in ("a.jpg", "b.png.jpg")
        ]
    *_, last = run.out.splitlines()
    assert last.startswith("2 thumbnails, 2 removed, 2 kept in ")
    assert {*everything(thumbs)} == {"a.jpg", "b.png.jpg", "notes.txt"}
    assert (thumbs / "b.png.jpg").is_symlink()
    assert thumbnailer("clean", "--yes", photos).err == ""


def test_a_page_of_the_user_s_stays(photos: Path) -> None:
    make_thumbnails(tree(photos, *NAMES))
    write_gallery([photos, photos / "sub"])
    (photos / "thumbs" / "index.html").write_text("<title>mine</title>")
    (photos / "sub" / "deep" / "er" / "thumbs" / "index.html").symlink_to(
        photos / "sub" / "thumbs" / "index.html"
    )
    (photos / "index.html").write_bytes((photos / "sub" / "thumbs" / "index.html").read_bytes())
    run = run_clean(photos)
    assert (run.summary["pages"], run.summary["removed"]) == (1, 5)
    assert files_below(photos) - {*NAMES} == {
        *("index.html", "thumbs/index.html", "sub/deep/er/thumbs/index.html")
    }


def test_links_are_not_followed(photos: Path, tmp_path: Path) -> None:
    make(tree(tmp_path / "disk", "a.jpg"))
    make(tree(photos, *NAMES), "-o", tmp_path / "out")
    (photos / "link").symlink_to(tmp_path / "disk")
    (photos / "sub" / "thumbs").symlink_to(tmp_path / "disk" / "thumbs")
    (tmp_path / "out" / "linked").symlink_to(tmp_path / "disk" / "thumbs")
    (photos / "sub" / "deep").rename(tmp_path / "deep")
    (photos / "sub" / "deep").symlink_to(tmp_path / "deep")
    run = run_clean(photos, "-o", tmp_path / "out")
    assert run.summary["removed"] == 3
    assert files_below(tmp_path / "disk") == {"a.jpg", "thumbs/a.jpg"}
    # Whether it is of this SOURCE can't be told any more.
    assert files_below(tmp_path / "out") == {"sub/deep/er/d.jpg"}
    assert (tmp_path / "out" / "linked").is_symlink()


def test_without_its_ledger_a_folder_is_the_user_s(photos: Path) -> None:
    make(tree(photos, *NAMES))
    write_gallery(photos)
    (photos / "thumbs" / MARK).unlink()
    (photos / "sub" / "thumbs" / MARK).write_bytes(b"x" * 5000)
    before = {name: each for name, each in everything(photos).items() if "deep" not in name}
    run = run_clean(photos)
    assert run.code == 3
    (failed,) = (row for row in run.rows if row["status"] == "failed")
    assert failed["thumbnail"] == f"{photos}/sub/thumbs"
    assert "was not written by thumbnailer" in failed["error"]["reason"]
    after = {name: each for name, each in everything(photos).items() if "deep" not in name}
    assert after == before


def test_a_forged_ledger_reaches_no_other_folder(photos: Path) -> None:
    make(tree(photos, *NAMES, "precious.jpg"))
    names = ["../precious.jpg", f"{photos}/precious.jpg", "..", ".", "", MARK, "a\0b", "\ud800"]
    with (photos / "thumbs" / MARK).open("a") as mark:
        for name in names:
            mark.write(json.dumps([name, "../a.jpg", 1, 2, "x", 3, 4, 5]) + "\n")
        mark.write(json.dumps(["y.jpg", "../go\0ne.jpg", 1, 2, "x", 3, 4, 5]) + "\n")
        mark.write(json.dumps(["z.jpg", "../\ud800/gone.jpg", 1, 2, "x", 3, 4, 5]) + "\n")
    assert run_clean(photos).summary["removed"] == 5
    assert files_below(photos) == {*NAMES, "precious.jpg"}


def test_what_a_killed_run_left_goes_too(photos: Path) -> None:
    tree(photos, *NAMES)
    before = everything(photos)
    make(photos)
    left = ".thumbnailer-0123456789abcdef.tmp"
    (photos / "thumbs" / left).write_bytes(b"half")
    (photos / "sub" / "thumbs" / left).write_bytes(b"half")
    (photos / "sub" / "thumbs" / MARK).unlink()
    (photos / "sub" / "thumbs" / "c.jpg").unlink()
    assert run_clean(photos).summary["folders"] == 3
    assert everything(photos) == before


def test_a_dry_run_lists_and_touches_nothing(photos: Path) -> None:
    make(tree(photos, *NAMES))
    write_gallery(photos)
    before = snapshot(photos)
    run = thumbnailer("clean", "-n", photos)
    *lines, summary = run.out.splitlines()
    paths = ("sub/deep/er/thumbs/d.jpg", "sub/thumbs/c.jpg", "thumbs/a.jpg", "thumbs/b.png.jpg")
    assert sorted(lines) == [
        f"would remove: {photos}/{path}" for path in (*paths, "thumbs/index.html")
    ]
    assert summary.startswith("4 thumbnails, 1 gallery page, 5 would be removed in ")
    assert snapshot(photos) == before


def test_how_much_it_is_is_said_first(photos: Path) -> None:
    make(tree(photos, *NAMES))
    total = sum(path.stat().st_size for path in photos.rglob("thumbs/*.jpg"))
    first, last = thumbnailer("clean", "--yes", photos).out.splitlines()
    assert first == f"4 thumbnails in 3 folders, {total / 1000:.1f} kB"
    assert last.startswith("4 thumbnails, 4 removed in ")
    make(photos)
    run = thumbnailer("clean", "--yes", "-v", photos)
    assert run.out.splitlines()[1] == f"removed: {photos}/sub/deep/er/thumbs/d.jpg"
    make(photos)
    assert thumbnailer("clean", "--yes", "--quiet", photos).out == ""
    assert thumbnailer("clean", photos).out.startswith("0 thumbnails, 0 removed in ")


def test_without_a_terminal_it_goes_on_only_if_told(photos: Path) -> None:
    make(tree(photos, *NAMES))
    before = snapshot(photos)
    run = in_a_process("clean", photos)
    assert (run.code, run.out) == (1, "")
    assert run.err.startswith("thumbnailer: 4 thumbnails in 3 folders, ")
    assert run.err.endswith(
        " would go: nothing was removed (see --dry-run; --yes if this is right)\n"
    )
    assert len(run.err.splitlines()) == 1
    assert snapshot(photos) == before


@pytest.mark.parametrize("typed", ["y\n", "Yes\n", "n\n", "\n", "\x04"])
def test_on_a_terminal_it_asks(photos: Path, typed: str) -> None:
    make(tree(photos, *NAMES))
    session = on_terminal("clean", photos, in_too=True, typed=typed)
    assert "4 thumbnails in 3 folders, " in session.shown
    assert ". Remove them? [y/N] " in session.shown
    if "y" in typed.lower():
        assert session.code == 0
        assert session.out.startswith("4 thumbnails, 4 removed in ")
        assert files_below(photos) == {*NAMES}
    else:
        assert (session.code, session.out) == (1, "")
        assert session.shown.endswith("thumbnailer: nothing was removed\r\n")
        assert len(files_below(photos)) == 8


def test_what_may_not_be_removed_or_read_is_told(photos: Path, restricted: tuple[str, ...]) -> None:
    tree(photos, "a.jpg", "fixed/b.jpg", "secret/c.jpg")
    before = everything(photos)
    make(photos)
    (photos / "fixed" / "thumbs").chmod(0o500)
    (photos / "secret").chmod(0)
    try:
        run = run_clean(photos, prefix=restricted)
    finally:
        (photos / "fixed" / "thumbs").chmod(0o700)
        (photos / "secret").chmod(0o700)
    assert run.code == 3
    assert {row["thumbnail"]: row["status"] for row in run.rows} == {
        f"{photos}/fixed/thumbs/b.jpg": "failed",
        f"{photos}/secret": "failed",
        f"{photos}/thumbs/a.jpg": "removed",
    }
    assert all("Permission denied" in row["error"]["reason"] for row in run.rows if row["error"])
    assert run_clean(photos).summary["removed"] == 2
    assert everything(photos) == before


@root_only
def test_a_read_only_disk_is_said_once(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    try:
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", disk], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("may not mount a tmpfs")
    try:
        make(tree(disk, *NAMES))
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        run = thumbnailer("clean", "--yes", disk)
    finally:
        subprocess.run(["umount", disk], check=True)
    assert run.code == 1
    assert run.err.startswith("thumbnailer: stopped early: ")
    assert run.err.endswith("Read-only file system\n")
    assert len(run.err.splitlines()) == 1


@pytest.mark.parametrize("source", ["missing", "a picture", "thumbnails"])
def test_a_source_that_is_no_folder_of_pictures_is_refused(photos: Path, source: str) -> None:
    make(tree(photos, *NAMES))
    paths = {"missing": "no", "a picture": "a.jpg", "thumbnails": "thumbs"}
    before = snapshot(photos)
    run = thumbnailer("clean", "--yes", photos, photos / paths[source])
    assert (run.code, run.out) == (1, "")
    assert len(run.err.splitlines()) == 1
    assert snapshot(photos) == before
    with pytest.raises(SourceError):
        clean(photos / paths[source])


def test_buckets_and_the_desktop_s_cache_are_refused(photos: Path, tmp_path: Path) -> None:
    tree(photos, *NAMES)
    config = tmp_path / "config.toml"
    config.write_text(f'layout = "freedesktop"\noutput = "{tmp_path}/cache"\n')
    run = thumbnailer("clean", "--yes", photos, "-c", config)
    assert (run.code, run.out) == (2, "")
    assert "the desktop prunes its cache itself" in run.err
    assert thumbnailer("clean", "--yes", photos, "-o", "s3://bucket/thumbs").code == 2


def test_a_signal_ends_it_with_a_summary(photos: Path) -> None:
    content = b'{"thumbnailer": 1, "shared": false}\n'
    thumbs = photos / "thumbs"
    thumbs.mkdir()
    for number in range(4000):
        (thumbs / f"{number}.jpg").write_bytes(b"12345")
        content += json.dumps([f"{number}.jpg", f"../{number}.jpg", 1, 2, "x", 3, 4, 5]).encode()
        content += b"\n"
    (thumbs / MARK).write_bytes(content)
    with subprocess.Popen(
        [*THUMBNAILER, "clean", "--yes", photos], stdout=subprocess.PIPE, text=True
    ) as process:
        eventually(lambda: not (thumbs / "0.jpg").exists())
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=60)
    assert process.returncode == 143
    first, last = out.splitlines()
    assert first == "4,000 thumbnails in 1 folder, 20.0 kB"
    assert last.startswith("interrupted: 4,000 thumbnails, ")
    assert len(files_below(photos)) == 4000 - int(last.split()[3])
    assert run_clean(photos).code == 0
    assert everything(photos) == {}


@pytest.mark.slow
def test_make_at_the_same_time_makes_everything(photos: Path) -> None:
    first = picture(photos / "0.jpg", (320, 240))
    for number in range(1, 100):
        os.link(first, photos / f"{number}.jpg")
    before = everything(photos)
    with subprocess.Popen(
        [*THUMBNAILER, "make", "--json", photos], stdout=subprocess.PIPE, text=True
    ) as process:
        while process.poll() is None:
            clean(photos)
        out, _ = process.communicate(timeout=60)
    rows = [json.loads(line) for line in out.splitlines()]
    assert rows[-1]["summary"]["made"] == 100
    make(photos)
    assert make(photos).summary["current"] == 100
    clean(photos)
    assert everything(photos) == before


def test_the_library_reports_what_it_did(photos: Path, tmp_path: Path) -> None:
    make_thumbnails(tree(photos, *NAMES), output=tmp_path / "out")
    write_gallery(photos, output=tmp_path / "out")
    dry = clean(photos, output=tmp_path / "out", dry_run=True)
    assert (dry.thumbnails, dry.pages, dry.folders, dry.removed) == (4, 1, 3, 0)
    assert {one.status for one in dry.removals} == {"would remove"}
    assert dry.size_bytes == sum(
        path.stat().st_size for path in (tmp_path / "out").rglob("*.[jh]*")
    )
    done = clean([photos], output=tmp_path / "out")
    assert (done.thumbnails, done.removed, done.failed) == (4, 5, 0)
    assert len(done.removals) == len(dry.removals) == 5
    assert clean(photos, output=tmp_path / "out").thumbnails == 0
