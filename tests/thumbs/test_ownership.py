"""What is thumbnailer's own, and that nothing else is ever overwritten or removed."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import pytest
from PIL import Image
from support.marks import root_only
from support.pictures import files_below, picture, tree
from support.program import THUMBNAILER, in_a_process, make, thumbnailer
from support.waiting import eventually

from thumbnailer import make_thumbnails, prune

MARK = ".thumbnailer"
HEADER = b'{"thumbnailer": 1, "shared": false}\n'


@root_only
def test_a_full_disk_leaves_no_mark_that_makes_a_folder_ours(
    small_disk: Path, photos: Path
) -> None:
    tree(photos, "a.jpg", "b.jpg")
    site = small_disk / "site"
    site.mkdir()
    filler = small_disk / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))
    make(photos, "-o", site)
    filler.unlink()
    (site / "b.jpg").write_text("mine")
    run = make(photos, "-o", site)
    assert run.statuses == {"a.jpg": "made", "b.jpg": "failed"}
    assert (site / "b.jpg").read_text() == "mine"


REMNANTS = [b"", b"\0" * 36, b"\0" * 4096, HEADER[:10], HEADER[:-5], b"\0" * 36 + b'["x.jpg"']


@pytest.mark.parametrize("remnant", REMNANTS)
def test_what_is_left_of_a_mark_makes_no_file_ours(photos: Path, remnant: bytes) -> None:
    tree(photos, "a.jpg", "b.jpg")
    site = photos.parent / "site"
    site.mkdir()
    (site / MARK).write_bytes(remnant)
    (site / "b.jpg").write_text("mine")
    assert make(photos, "-o", site).statuses == {"a.jpg": "made", "b.jpg": "failed"}
    assert (site / "b.jpg").read_text() == "mine"
    assert json.loads((site / MARK).read_bytes().splitlines()[0])["shared"] is True
    assert make(photos, "-o", site).statuses == {"a.jpg": "current", "b.jpg": "failed"}
    (photos / "a.jpg").unlink()
    (photos / "b.jpg").unlink()
    tree(photos, "c.jpg")
    thumbnailer("prune", "--yes", photos, "-o", site)
    assert files_below(site) == {"b.jpg"}


@pytest.mark.parametrize("damage", ["zeros", "garbage", "cut"])
def test_a_damaged_header_costs_no_thumbnail_and_no_file(photos: Path, damage: str) -> None:
    tree(photos, "a.jpg", "b.jpg")
    make(photos)
    mark = photos / "thumbs" / MARK
    header, _, lines = mark.read_bytes().partition(b"\n")
    changed = {"zeros": bytes(len(header) + 1), "garbage": b"\xff{\n", "cut": header[:9] + b"\n"}
    mark.write_bytes(changed[damage] + lines)
    tree(photos, "c.jpg")
    (photos / "thumbs" / "c.jpg").write_text("mine")
    assert make(photos).statuses == {"a.jpg": "current", "b.jpg": "current", "c.jpg": "failed"}
    assert (photos / "thumbs" / "c.jpg").read_text() == "mine"
    assert make(photos, "--force").statuses == {"a.jpg": "made", "b.jpg": "made", "c.jpg": "failed"}


@pytest.mark.parametrize("output", [False, True])
def test_a_user_s_file_in_a_folder_of_ours_stays(photos: Path, output: bool) -> None:
    tree(photos, "a.jpg")
    thumbs = photos.parent / "out" if output else photos / "thumbs"
    options: list[str | Path] = ["-o", thumbs] if output else []
    make(photos, *options)
    (thumbs / "cover.jpg").write_text("mine")
    tree(photos, "cover.jpg")
    for more in ([], ["--force"], ["--retry-failed"]):
        assert make(photos, *options, *more).statuses["cover.jpg"] == "failed"
        assert (thumbs / "cover.jpg").read_text() == "mine"
    (photos / "cover.jpg").unlink()
    thumbnailer("prune", "--yes", photos, *options)
    assert (thumbs / "cover.jpg").read_text() == "mine"


def test_a_thumbnail_that_the_user_replaced_is_the_user_s(photos: Path) -> None:
    tree(photos, "a.jpg", "b.jpg", "c.jpg")
    make(photos)
    mine = photos / "thumbs" / "a.jpg"
    mine.write_text("mine")
    picture(photos / "a.jpg", (50, 50))
    run = make(photos)
    assert run.statuses == {"a.jpg": "failed", "b.jpg": "current", "c.jpg": "current"}
    assert "it has been changed since thumbnailer made it" in run.rows[0]["error"]["reason"]
    assert mine.read_text() == "mine"
    (photos / "a.jpg").unlink()
    (removal,) = prune(photos).removals
    assert (removal.status, removal.thumbnail) == ("kept", str(mine))
    assert mine.read_text() == "mine"


def test_the_way_out_is_told_once_and_works(photos: Path) -> None:
    tree(photos, "a.jpg", "b.jpg", "c.jpg")
    make(photos)
    for name in ("a.jpg", "b.jpg"):
        (photos / "thumbs" / name).write_text("mine")
    run = thumbnailer("make", photos)
    assert run.out.count("--replace") == 1
    assert "in the way: 2 files" in run.out
    assert "--replace" not in run.err
    run = thumbnailer("make", photos, "--replace")
    assert (run.code, run.err) == (0, "")
    assert "--replace" not in run.out
    assert make(photos).summary["current"] == 3


def test_a_watch_tells_the_way_out_once(photos: Path, tmp_path: Path) -> None:
    tree(photos, "a.jpg", "b.jpg", "c.jpg")
    make(photos)
    for name in ("a.jpg", "b.jpg"):
        (photos / "thumbs" / name).write_text("mine")
        (photos / name).touch()
    told = tmp_path / "told"
    with (
        told.open("wb") as out,
        subprocess.Popen([*THUMBNAILER, "watch", "--json", photos], stdout=out) as process,
    ):
        eventually(lambda: '"ready"' in told.read_text())
        process.terminate()
    assert told.read_text().count(" is in the way: it") == 2
    assert told.read_text().count("--replace") == 1
    assert (photos / "thumbs" / "a.jpg").read_text() == "mine"


def test_replacing_leads_through_no_link(photos: Path, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    tree(photos, "a.jpg")
    (photos / "thumbs").mkdir()
    (photos / "thumbs" / "a.jpg").symlink_to(victim)
    assert make(photos).statuses == {"a.jpg": "failed"}
    assert make(photos, "--replace").statuses == {"a.jpg": "made"}
    assert victim.read_text() == "precious"
    assert not (photos / "thumbs" / "a.jpg").is_symlink()


def test_a_picture_that_gains_alpha_costs_no_file_of_the_user_s(photos: Path) -> None:
    picture(photos / "a.png", mode="RGB")
    make(photos, "-f", "auto")
    (photos / "thumbs" / "a.png.jpg").write_text("mine")
    picture(photos / "a.png", mode="RGBA")
    assert make(photos, "-f", "auto").statuses == {"a.png": "failed"}
    assert (photos / "thumbs" / "a.png.jpg").read_text() == "mine"


def test_a_huge_ledger_is_none_of_ours_and_costs_no_memory(photos: Path) -> None:
    tree(photos, "album/a.jpg")
    mark = photos / "album" / MARK
    mark.touch()
    os.truncate(mark, 700_000_000)
    assert peak_of("make", photos) < 200_000
    assert (photos / "album" / "thumbs" / "a.jpg").exists()
    assert mark.stat().st_size == 700_000_000
    shutil.rmtree(photos / "album" / "thumbs")
    (photos / "album" / "thumbs").mkdir()
    mark.rename(photos / "album" / "thumbs" / MARK)
    run = make(photos)
    assert run.statuses == {"a.jpg": "failed"}
    assert "was not written by thumbnailer: move it away" in run.rows[0]["error"]["reason"]
    assert peak_of("make", photos) < 200_000


def test_nonsense_within_a_ledger_costs_no_memory(photos: Path) -> None:
    tree(photos, "a.jpg")
    make(photos)
    mark = photos / "thumbs" / MARK
    nested = b'["n%d.jpg",' + b"[[],[],[],[],[],[],[],[]]," * 400 + b"1]\n"
    with mark.open("ab") as file:
        for number in range(200):
            file.write(nested % number)
    assert peak_of("make", photos) < 200_000
    with mark.open("ab") as file:
        file.truncate(100_000_000)
    assert peak_of("make", photos) < 200_000
    assert make(photos).statuses == {"a.jpg": "current"}
    assert mark.stat().st_size < 1_000_000, "it was written anew"


def peak_of(*arguments: str | Path) -> int:
    """The most memory, in KiB, that the parent of a run takes."""
    code = (
        "import resource, subprocess, sys; subprocess.run(sys.argv[1:], stdout=2);"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    words = [sys.executable, "-c", code, *THUMBNAILER, *map(str, arguments)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120)
    return int(done.stdout)


def test_a_folder_called_like_the_mark_is_left_alone(photos: Path) -> None:
    tree(photos, "a.jpg", f"{MARK}/mine.jpg")
    assert make(photos).statuses["a.jpg"] == "made"
    assert (photos / MARK / "mine.jpg").exists()


@pytest.mark.parametrize(("line_bytes", "before", "after"), [(13, 50, 90), (45_000, 7, 12)])
def test_a_ledger_that_took_the_place_of_another_is_read_from_its_start(
    photos: Path, line_bytes: int, before: int, after: int
) -> None:
    """A file system gives the inode of a removed file to the next one."""
    picture(photos / "a.jpg")
    make_thumbnails(photos)
    ledger = photos / "thumbs" / MARK
    gone = b'["gone.jpg"' + b" " * (line_bytes - 13) + b"]\n"
    with ledger.open("ab") as file:
        file.write(before * gone)
    assert make_thumbnails(photos).current == 1  # this process has read it
    picture(photos / "b.jpg")
    in_a_process("make", photos)
    lines = [line for line in ledger.read_bytes().splitlines(keepends=True) if line != gone]
    lines[-1] = lines[-1].rstrip() + b" " * (-len(lines[-1]) % len(gone)) + b"\n"
    with ledger.open("r+b") as file:  # rewritten without what was superseded, and longer again
        file.write(b"".join(lines) + after * gone)
        file.truncate()
    report = make_thumbnails(photos)
    assert (report.current, report.failed) == (2, 0)


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.few(1)
def test_two_runs_at_once_lose_no_line_though_both_rewrite_the_ledger(
    photos: Path, shared: bool
) -> None:
    tree(photos, *(f"{number}.jpg" for number in range(40)))
    thumbs = photos / "thumbs"
    if shared:
        tree(thumbs, "mine.jpg")
    make(photos, "--include", "0.jpg")
    done = threading.Event()

    def bloat() -> None:
        """Let each run find a ledger that is worth rewriting."""
        line = b'["gone.jpg"]\n' * 500
        while not done.wait(0.01):
            with (thumbs / MARK).open("ab") as file:
                file.write(line)

    thread = threading.Thread(target=bloat)
    thread.start()
    try:
        halves = [["--include", "[0-9].jpg", "--include", "1*"], ["--exclude", "[01]*"]]
        for _ in range(3):
            runs = [
                subprocess.Popen([*THUMBNAILER, "make", "--quiet", "--force", photos, *half])
                for half in halves * 2
            ]
            assert [run.wait(120) for run in runs] == [0] * 4
    finally:
        done.set()
        thread.join()
    run = make(photos, "--exclude", "mine.jpg")
    assert run.summary["failed"] == 0, run.err
    assert run.summary["current"] == run.summary["found"] == 40


def test_a_killed_run_leaves_nothing_in_the_way(photos: Path) -> None:
    tree(photos, *(f"{number}.jpg" for number in range(60)))
    command: list[str | Path] = [*THUMBNAILER, "make", "--force", "--quiet", photos]
    thumbs = photos / "thumbs"
    for size in ("64", "200", "65"):
        with subprocess.Popen([*command, "-s", size], start_new_session=True) as process:
            eventually(lambda: thumbs.exists() and len(os.listdir(thumbs)) > 10)
            process.kill()
        run = make(photos, "-s", size)
        assert run.summary["failed"] == 0
        assert run.summary["made"] + run.summary["current"] == 60


def test_make_beside_prune_makes_everything(photos: Path) -> None:
    folders = [f"{number}" for number in range(10)]
    tree(photos, *(f"{folder}/a.jpg" for folder in folders), "keep.jpg")
    stop = threading.Event()
    prunes = [0]

    def prune_on() -> None:
        while not stop.is_set():
            prune(photos, yes=True)
            prunes[0] += 1

    thread = threading.Thread(target=prune_on)
    thread.start()
    try:
        for _ in range(8):
            for folder in folders:
                (photos / folder / "a.jpg").rename(photos / folder / "b.jpg")
            report = make_thumbnails(photos, jobs=2)
            assert [failure.error for failure in report.failures] == []
            for folder in folders:
                (photos / folder / "b.jpg").rename(photos / folder / "a.jpg")
            report = make_thumbnails(photos, jobs=2)
            assert [failure.error for failure in report.failures] == []
    finally:
        stop.set()
        thread.join()
    assert prunes[0] > 10


def test_a_thumbnail_is_no_more_readable_than_its_source(photos: Path) -> None:
    tree(photos, "a.jpg", "b.jpg", "c.jpg")
    (photos / "a.jpg").chmod(0o600)
    (photos / "b.jpg").chmod(0o640)
    make(photos)
    modes = {name: mode_of(photos / "thumbs" / name) for name in ("a.jpg", "b.jpg", "c.jpg")}
    assert modes == {"a.jpg": 0o600, "b.jpg": 0o640, "c.jpg": 0o644}
    (photos / "c.jpg").chmod(0o600)
    assert make(photos).statuses["c.jpg"] == "current"
    assert mode_of(photos / "thumbs" / "c.jpg") == 0o600


def test_a_private_folder_is_private_in_an_output_tree(photos: Path, tmp_path: Path) -> None:
    tree(photos, "private/inner/a.jpg", "public/b.jpg")
    (photos / "private").chmod(0o700)
    out = tmp_path / "out"
    make(photos, "-o", out, "-s", "64", "-s", "128")
    for size in ("64", "128"):
        assert mode_of(out / size) == 0o755
        assert mode_of(out / size / "private") == 0o700
        assert mode_of(out / size / "public") == 0o755


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_one_thumbnail_of_a_private_picture_is_private(photos: Path) -> None:
    source = picture(photos / "a.jpg")
    source.chmod(0o600)
    code = f"import thumbnailer; thumbnailer.make_thumbnail({str(source)!r}, 'b.jpg')"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=photos)
    assert mode_of(photos / "b.jpg") == 0o600
    with Image.open(photos / "b.jpg") as made:
        assert made.size
