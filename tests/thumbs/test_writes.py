"""How thumbnails reach the disk: whole or not at all, and nowhere but where they belong."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.marks import root_only
from support.pictures import files_below, noise, picture, tree
from support.program import THUMBNAILER, make
from support.waiting import eventually, nobody, state_of, until

from thumbnailer import OutputError, PictureError, Settings, make_thumbnail, make_thumbnails
from thumbnailer.disk.files import open_folder, remove
from thumbnailer.disk.locks import lock
from thumbnailer.model import Answer, Folder, Job, Run
from thumbnailer.render.job import render
from thumbnailer.scan.folders import scan
from thumbnailer.thumbs.folder_thumbs import FolderThumbs


def test_permissions_are_left_to_the_umask(photos: Path) -> None:
    tree(photos, "a.jpg")
    before = os.umask(0o027)
    try:
        make(photos)
    finally:
        os.umask(before)
    assert (photos / "thumbs").stat().st_mode & 0o777 == 0o750
    assert (photos / "thumbs" / "a.jpg").stat().st_mode & 0o777 == 0o640


def test_the_umask_that_counts_is_the_present_one(photos: Path) -> None:
    tree(photos, "a.jpg")
    for mask, mode in ((0o022, 0o644), (0o077, 0o600)):
        before = os.umask(mask)
        try:
            make_thumbnails(photos, force=True)
        finally:
            os.umask(before)
        assert (photos / "thumbs" / "a.jpg").stat().st_mode & 0o777 == mode


def test_a_thumbs_folder_that_is_a_link_is_refused(photos: Path, tmp_path: Path) -> None:
    tree(photos, "a.jpg")
    victim = tree(tmp_path / "victim", "a.jpg")
    before = (victim / "a.jpg").read_bytes()
    (photos / "thumbs").symlink_to(victim)
    for _ in range(2):
        run = make(photos)
        assert run.code == 3
        assert "thumbs is a symbolic link: refused" in run.rows[0]["error"]["reason"]
    assert files_below(victim) == {"a.jpg"}
    assert (victim / "a.jpg").read_bytes() == before


def test_a_link_within_an_output_tree_is_refused(photos: Path, tmp_path: Path) -> None:
    tree(photos, "sub/a.jpg")
    victim = tmp_path / "victim"
    victim.mkdir()
    out = tmp_path / "out"
    out.mkdir()
    (out / "sub").symlink_to(victim)
    assert make(photos, "-o", out).statuses == {"a.jpg": "failed"}
    assert files_below(victim) == set()


def test_an_output_folder_that_is_a_link_is_the_user_s_own_choice(
    photos: Path, tmp_path: Path
) -> None:
    tree(photos, "a.jpg")
    (tmp_path / "real").mkdir()
    (tmp_path / "out").symlink_to("real")
    assert make(photos, "-o", tmp_path / "out").code == 0
    assert files_below(tmp_path / "real") == {"a.jpg"}


@pytest.mark.parametrize("moment", ["read", "written"])
@pytest.mark.parametrize("output", [False, True], ids=["beside", "output"])
@pytest.mark.parametrize("place", ["sub", "sub/deep"])
def test_a_folder_that_a_link_replaces_after_the_scan(
    photos: Path, tmp_path: Path, place: str, output: bool, moment: str
) -> None:
    tree(photos, "sub/a.jpg", "sub/deep/b.jpg")
    victim = tree(tmp_path / "victim", "sub/a.jpg", "sub/deep/b.jpg")
    before = files_below(victim)
    layout = Settings(size=24, output=tmp_path / "out" if output else "").thumbnails
    thumbs = FolderThumbs(layout)
    thumbs.prepare()
    jobs = [item for item in thumbs.plan(scan(str(photos)), Run()) if isinstance(item, Job)]
    assert len(jobs) == 2

    def swap() -> None:
        (photos / place).rename(tmp_path / "away")
        (photos / place).symlink_to(victim / place)

    if moment == "read":
        swap()
    answers = [Answer(render(job, lambda needed: None), 0) for job in jobs]
    if moment == "written":
        swap()
    outcomes = {os.path.basename(one.source): one for one in thumbs.finish(jobs, answers)}
    behind = {"b.jpg"} if place == "sub/deep" else {"a.jpg", "b.jpg"}
    failed = {name for name, outcome in outcomes.items() if outcome.status == "failed"}
    assert failed == (set() if output and moment == "written" else behind)
    assert all("is a symbolic link: refused" in str(outcomes[name].error) for name in failed)
    assert files_below(victim) == before
    assert not [path for path in victim.rglob("*") if path.name in ("thumbs", ".thumbnailer")]


@pytest.mark.parametrize("size", ["24", ["24", "48"]], ids=["one size", "two sizes"])
def test_a_folder_that_is_deleted_after_the_scan_is_not_made_again(
    photos: Path, size: str | list[str]
) -> None:
    tree(photos, "sub/a.jpg")
    thumbs = FolderThumbs(Settings(size=size).thumbnails)
    jobs = [item for item in thumbs.plan(scan(str(photos)), Run()) if isinstance(item, Job)]
    answers = [Answer(render(job, lambda needed: None), 0) for job in jobs]
    shutil.rmtree(photos / "sub")
    (outcome,) = thumbs.finish(jobs, answers)
    assert outcome.status == "failed"
    assert not (photos / "sub").exists()


@pytest.mark.parametrize("name", ["a.jpg", ".thumbnailer"])
def test_a_link_planted_for_a_thumbnail_leads_nowhere(
    photos: Path, tmp_path: Path, name: str
) -> None:
    tree(photos, "a.jpg")
    victim = tmp_path / "victim"
    victim.write_text("precious")
    make(photos)
    planted = photos / "thumbs" / name
    planted.unlink()
    planted.symlink_to(victim)
    make(photos, "--force")
    assert victim.read_text() == "precious"


def test_no_reader_ever_sees_half_a_thumbnail(photos: Path) -> None:
    tree(photos, "a.jpg", "b.jpg", "c.jpg")
    thumbs = photos / "thumbs"
    make(photos)
    endings = set()
    with subprocess.Popen([*THUMBNAILER, "make", "--force", "--quiet", photos]) as process:
        for _ in until(60):
            for name in ("a.jpg", "b.jpg", "c.jpg"):
                endings.add((thumbs / name).read_bytes()[-2:])
            if process.poll() is not None:
                break
    assert endings == {b"\xff\xd9"}  # JPEG's end of image


def test_a_folder_in_place_of_a_thumbnail_is_a_failure(photos: Path) -> None:
    tree(photos, "a.jpg", "b.jpg")
    make(photos)
    (photos / "thumbs" / "a.jpg").unlink()
    (photos / "thumbs" / "a.jpg").mkdir()
    run = make(photos)
    assert run.statuses == {"a.jpg": "failed", "b.jpg": "current"}
    reason = next(row["error"]["reason"] for row in run.rows if row["error"])
    assert reason.endswith("thumbs/a.jpg is in the way: it is a folder")
    assert make(photos, "--replace").statuses == {"a.jpg": "failed", "b.jpg": "current"}
    assert (photos / "thumbs" / "a.jpg").is_dir()


@root_only
def test_a_full_disk_ends_the_run_with_one_clear_message(small_disk: Path, photos: Path) -> None:
    noise((200, 200), 90).save(photos / "0.png")
    for number in range(1, 60):
        os.link(photos / "0.png", photos / f"{number}.png")
    out = small_disk / "out"
    first = make(photos, "--include", "1*", "-f", "png", "-s", "20", "-o", out)
    assert first.code == 0
    old = {path: path.read_bytes() for path in out.iterdir() if path.suffix == ".png"}
    # Room for a part of the next thumbnail, so that its write ends half-way.
    (small_disk / "filler").write_bytes(b"\0" * (_room(small_disk) - 8192))
    run = make(photos, "-s", "150", "-f", "png", "-o", out)
    assert run.code == 1
    assert run.err == f"thumbnailer: stopped early: {out}: No space left on device\n"
    assert run.summary["found"] < 60
    assert {path: path.read_bytes() for path in old} == old
    assert not [path for path in out.iterdir() if path.name.endswith(".tmp")]
    with pytest.raises(OutputError, match="No space left on device"):
        make_thumbnails(photos, format="png", size=150, output=out)
    with pytest.raises(OutputError, match="No space left on device"):
        make_thumbnail(photos / "0.png", out / "10.png", size=150)
    assert {path: path.read_bytes() for path in old} == old


def _room(disk: Path) -> int:
    status = os.statvfs(disk)
    return status.f_bavail * status.f_bsize


@root_only
def test_a_read_only_disk_ends_the_run(small_disk: Path) -> None:
    tree(small_disk, "a.jpg", "sub/b.jpg")
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    run = make(small_disk)
    assert run.code == 1
    assert run.err.splitlines()[-1].endswith("thumbs: Read-only file system")
    run = make(small_disk, "-o", small_disk / "out")
    assert (run.code, run.err) == (
        1,
        f"thumbnailer: {small_disk}/out: Read-only file system; choose another output folder\n",
    )


@root_only
def test_a_folder_that_may_not_be_written_is_an_error_that_names_it(public_folder: Path) -> None:
    folder = Folder(str(public_folder), "thumbs")
    with nobody(), pytest.raises(PermissionError), open_folder(folder, create=True):
        pass


WRITER = """
import sys
from thumbnailer.model import Folder
from thumbnailer.disk.files import open_folder, remove
from thumbnailer.disk.locks import lock
from thumbnailer.disk.new_files import replace
with open_folder(Folder(sys.argv[1], "thumbs")) as opened:
    while True:
        replace(opened, "b.jpg", bytes(100_000_000))
"""


def test_leftovers_of_a_dead_writer_are_swept_and_those_of_a_live_one_are_not(
    photos: Path,
) -> None:
    tree(photos, "a.jpg")
    make(photos)
    thumbs = photos / "thumbs"
    with subprocess.Popen([sys.executable, "-c", WRITER, photos]) as writer:

        def is_stopped_in_a_write() -> bool:
            """A file that is still empty may not be locked yet."""
            writer.send_signal(signal.SIGSTOP)
            eventually(lambda: state_of(writer.pid) == "T")
            if any(path.stat().st_size for path in thumbs.glob(".*.tmp")):
                return True
            writer.send_signal(signal.SIGCONT)
            return False

        eventually(is_stopped_in_a_write)
        make(photos)
        of_the_living = [*thumbs.glob(".*.tmp")]
        writer.kill()
    assert of_the_living
    assert [*thumbs.glob(".*.tmp")]
    assert make(photos, "--dry-run").code == 0
    assert [*thumbs.glob(".*.tmp")], "a dry run touches nothing"
    make(photos)
    assert files_below(photos) - {"thumbs/b.jpg"} == {"a.jpg", "thumbs/a.jpg"}


def test_make_thumbnail_replaces_a_link_and_not_what_it_leads_to(tmp_path: Path) -> None:
    source = picture(tmp_path / "a.jpg")
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / "b.jpg").symlink_to(victim)
    make_thumbnail(source, tmp_path / "b.jpg")
    assert victim.read_text() == "precious"
    assert not (tmp_path / "b.jpg").is_symlink()


def test_make_thumbnail_keeps_the_old_one_when_it_fails(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_text("no picture")
    (tmp_path / "b.jpg").write_text("old")
    with pytest.raises(PictureError):
        make_thumbnail(tmp_path / "a.jpg", tmp_path / "b.jpg")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        "a.jpg": "no picture",
        "b.jpg": "old",
    }


def test_what_another_machine_is_writing_is_left_alone(photos: Path) -> None:
    """Its locks may not be seen here; what it left for dead is told by its age."""
    tree(photos, "a.jpg")
    make(photos)
    living = photos / "thumbs" / ".thumbnailer-00c0ffee-0123456789abcdef.tmp"
    dead = photos / "thumbs" / ".thumbnailer-00c0ffee-fedcba9876543210.tmp"
    for path in (living, dead):
        path.touch()
    os.utime(dead, (time.time() - 4000,) * 2)
    make(photos)
    assert living.exists()
    assert not dead.exists()


@pytest.mark.parametrize("name", ["../a.jpg", "/etc/nothing", "thumbs/../../a.jpg", "..", ".", ""])
def test_only_what_is_in_a_folder_itself_is_removed_from_it(photos: Path, name: str) -> None:
    tree(photos, "a.jpg", "thumbs/a.jpg")
    with open_folder(Folder(str(photos), "thumbs")) as opened:
        with pytest.raises(OSError, match="not the name of a file"):
            remove(opened, name)
        remove(opened, "a.jpg")
    assert files_below(photos) == {"a.jpg"}


@pytest.mark.skipif(not hasattr(os, "O_PATH"), reason="only Linux has descriptors without locks")
def test_what_cannot_be_locked_is_told_from_what_another_has_locked(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with path.open("wb") as file, path.open("rb") as other:
        assert lock(file.fileno()) is True
        assert lock(other.fileno()) is False
        without = os.open(path, os.O_PATH)
        assert lock(without) is None
        os.close(without)
