"""Folders that may not be read or written, and disks that fill up."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from PIL import Image
from support.marks import needs_proc, root_only
from support.pictures import noise, picture, tree
from support.processes import finish, make_to_the_end, start, start_make
from support.program import THUMBNAILER

pytestmark = needs_proc


@pytest.mark.slow
def test_what_may_not_be_read_fails_and_the_others_are_made(
    photos: Path, restricted: tuple[str, ...]
) -> None:
    tree(photos, "a.jpg", "b.jpg", "secret/c.jpg")
    (photos / "b.jpg").chmod(0)
    (photos / "secret").chmod(0)
    with start(*restricted, *THUMBNAILER, "make", "--json", photos) as started:
        run = finish(started)
    (photos / "secret").chmod(0o700)
    assert run.code == 3
    assert run.statuses == {"a.jpg": "made", "b.jpg": "failed", "secret": "failed"}
    reasons = {row["error"]["reason"] for row in run.rows if row["error"]}
    assert all("Permission denied" in reason for reason in reasons)
    (photos / "b.jpg").chmod(0o600)
    assert make_to_the_end(photos).summary["failed"] <= 1
    assert make_to_the_end("--retry-failed", photos).code == 0


def test_thumbnails_that_may_not_be_written_fail_and_old_ones_stand(
    photos: Path, restricted: tuple[str, ...]
) -> None:
    tree(photos, "open/a.jpg", "closed/b.jpg", "new/c.jpg")
    assert make_to_the_end("--exclude", "new", photos).code == 0
    closed = photos / "closed" / "thumbs"
    old = (closed / "b.jpg").read_bytes()
    picture(photos / "open" / "a.jpg", (50, 50))
    picture(photos / "closed" / "b.jpg", (50, 50))
    closed.chmod(0o500)
    (photos / "new").chmod(0o500)
    with start(*restricted, *THUMBNAILER, "make", "--json", photos) as started:
        run = finish(started, photos)
    assert run.code == 3
    assert run.statuses == {"a.jpg": "made", "b.jpg": "failed", "c.jpg": "failed"}
    reasons = {row["error"]["reason"] for row in run.rows if row["error"]}
    assert all("Permission denied" in reason for reason in reasons)
    assert (closed / "b.jpg").read_bytes() == old
    closed.chmod(0o700)
    (photos / "new").chmod(0o700)
    run = make_to_the_end(photos)
    assert run.statuses == {"a.jpg": "current", "b.jpg": "made", "c.jpg": "made"}


@contextmanager
def mounted(disk: Path, options: str) -> Iterator[None]:
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(disk)]
    try:
        subprocess.run(mount, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"can't mount a tmpfs with {options}: {getattr(error, 'stderr', error)}")
    try:
        yield
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def noises(folder: Path, number: int) -> None:
    """Pictures whose thumbnails take many bytes."""
    noise((200, 200), 90).save(folder / "0.png")
    for count in range(1, number):
        os.link(folder / "0.png", folder / f"{count}.png")


@root_only
@pytest.mark.slow
def test_a_disk_that_fills_up_under_many_workers_and_is_freed(tmp_path: Path, photos: Path) -> None:
    noises(photos, 60)
    disk = tmp_path / "disk"
    with mounted(disk, "size=1m"):
        out, options = disk / "out", ["-f", "png", "-o", str(disk / "out")]
        assert make_to_the_end("--include", "1*", "-s", "20", *options, photos).code == 0
        old = {path: path.read_bytes() for path in out.glob("*.png")}
        with start_make("-j", "8", "-s", "200", *options, photos) as started:
            run = finish(started, out)
        assert run.code == 1
        assert run.err == f"thumbnailer: stopped early: {out}: No space left on device\n"
        made = run.summary["made"]
        assert made > 0
        for path, data in old.items():  # what was written while the run ended is not told of
            with Image.open(path) as thumbnail:
                assert path.read_bytes() == data or thumbnail.size == (200, 200)
        subprocess.run(["mount", "-o", "remount,size=8m", str(disk)], check=True)
        run = make_to_the_end("-s", "200", *options, photos)
        assert run.code == 0
        assert run.summary["current"] >= made  # some were made, but too late to be reported
        assert len(list(out.glob("*.png"))) == 60


@root_only
@pytest.mark.skipif(not shutil.which("setpriv"), reason="needs setpriv")
def test_a_quota_that_is_used_up_ends_the_run_and_old_thumbnails_stand(
    tmp_path: Path, public_folder: Path
) -> None:
    noises(public_folder, 60)
    user = 54_321
    become = f"setpriv --reuid={user} --regid={user} --clear-groups"
    may_read = "--inh-caps=+dac_read_search --ambient-caps=+dac_read_search"
    disk = public_folder / "disk"
    with mounted(disk, "size=8m,mode=777,usrquota,usrquota_block_hardlimit=512k"):
        out = disk / "out"
        command = [*become.split(), *may_read.split(), *THUMBNAILER, "make", "--json"]
        command += ["-f", "png", "-o", str(out), "--exclude", "disk"]
        with start(*command, "-s", "20", public_folder) as started:
            assert finish(started, out).code == 0
        old = {path: path.read_bytes() for path in out.glob("*.png")}
        with start(*command, "-s", "200", public_folder) as started:
            run = finish(started, out)
        assert run.code == 1
        assert run.err == f"thumbnailer: stopped early: {out}: Disk quota exceeded\n"
        for path, data in old.items():  # what was written while the run ended is not told of
            with Image.open(path) as thumbnail:
                assert path.read_bytes() == data or thumbnail.size == (200, 200)
