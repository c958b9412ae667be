"""`thumbnailer status` and `status()`: how many pictures there are, how their thumbnails stand."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support.marks import root_only
from support.pictures import picture, tree
from support.processes import has_open
from support.program import THUMBNAILER, thumbnailer
from support.waiting import eventually, nobody

from thumbnailer import Reason, SourceError, StatusReport, make_thumbnails, status


@pytest.fixture
def mixed(photos: Path) -> Path:
    """Pictures of which one is current, one changed since, one new, two broken and one gone."""
    tree(photos, "current.jpg", "changed.jpg", "gone.jpg")
    (photos / "notes.png").write_text("some text")
    (photos / "empty.jpg").touch()
    make_thumbnails(photos)
    os.utime(photos / "changed.jpg", (1, 1))
    (photos / "gone.jpg").unlink()
    tree(photos, "sub/new.jpg")
    return photos


def snapshot(folder: Path) -> dict[Path, tuple[int, int]]:
    return {
        path: (path.lstat().st_mtime_ns, path.lstat().st_size)
        for path in (folder, *folder.rglob("*"))
    }


def numbers(report: StatusReport) -> dict[str, int]:
    names = ("pictures", "current", "stale", "missing", "failed", "skipped", "orphaned")
    return {name: getattr(report, name) for name in names if getattr(report, name)}


def test_a_table_says_how_thumbnails_stand(mixed: Path) -> None:
    on_disk = sum(path.stat().st_size for path in (mixed / "thumbs").glob("*.jpg"))
    gone = (mixed / "thumbs" / "gone.jpg").stat().st_size
    run = thumbnailer("status", "photos", cwd=mixed.parent)
    assert run.out.splitlines() == [
        "pictures  5",
        "current   1",
        "stale     1  the picture has changed since (1): photos/changed.jpg",
        "missing   1",
        "failed    2  is empty (1): photos/empty.jpg",
        "             is text, no picture (1): photos/notes.png",
        f"orphaned  1  {gone} bytes",
        f"on disk   3  {on_disk / 1000:.1f} kB",
    ]
    assert run.err == ""


def test_json_is_one_object(mixed: Path) -> None:
    run = thumbnailer("status", "--json", mixed)
    told: dict[str, Any] = json.loads(run.out)
    assert told.pop("seconds") > 0
    on_disk = [path.stat().st_size for path in (mixed / "thumbs").glob("*.jpg")]
    changed, empty, text = (mixed / name for name in ("changed.jpg", "empty.jpg", "notes.png"))
    assert told == {
        "pictures": 5,
        "skipped": 0,
        "current": 1,
        "stale": 1,
        "missing": 1,
        "failed": 2,
        "stale_reasons": [
            {
                "reason": "the picture has changed since",
                "thumbnails": 1,
                "sources": [str(changed)],
            }
        ],
        "failed_reasons": [
            {"reason": "is empty", "thumbnails": 1, "sources": [str(empty)]},
            {"reason": "is text, no picture", "thumbnails": 1, "sources": [str(text)]},
        ],
        "orphaned": 1,
        "unknown": 0,
        "thumbnails": 3,
        "size_bytes": sum(on_disk),
        "orphaned_bytes": (mixed / "thumbs" / "gone.jpg").stat().st_size,
        "unread": {},
    }


def test_it_writes_nothing(mixed: Path) -> None:
    left = mixed / "thumbs" / ".thumbnailer-0123456789abcdef.tmp"  # which `make` would sweep up
    left.touch()
    before = snapshot(mixed)
    assert thumbnailer("status", mixed, "-o", mixed.parent / "out").code == 0
    assert thumbnailer("status", mixed).code == 3
    assert snapshot(mixed) == before
    assert not (mixed.parent / "out").exists()


def test_it_decodes_nothing_and_starts_no_worker(mixed: Path) -> None:
    code = (
        "import os, sys, thumbnailer\n"
        f"thumbnailer.status({str(mixed)!r})\n"
        "print('PIL' in sys.modules)\n"
        "os.waitpid(-1, os.WNOHANG)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout == "False\n"
    assert "ChildProcessError" in done.stderr  # there is none to wait for


@root_only
def test_it_needs_no_right_to_read_pictures(public_folder: Path) -> None:
    picture(public_folder / "a.jpg").chmod(0o000)
    with nobody():
        assert numbers(status(public_folder)) == {"pictures": 1, "missing": 1}


def test_what_is_missing_or_stale_is_what_make_makes(mixed: Path) -> None:
    before = status(mixed)
    report = make_thumbnails(mixed)
    assert report.made == before.missing + before.stale
    assert (report.found, report.current) == (before.pictures, before.current)
    assert report.failed == before.failed
    after = status(mixed)
    assert (after.missing, after.stale, after.current) == (0, 0, 3)


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        ("settings", "was made with other settings, or by another version"),
        ("truncate", "is gone, or is not as it was made"),
        ("link", "is gone, or is not as it was made"),
        ("ledger", "is of unknown origin"),
    ],
)
@pytest.mark.few(2)
def test_why_thumbnails_are_stale(photos: Path, damage: str, reason: str) -> None:
    source, thumbnail = picture(photos / "a.jpg"), photos / "thumbs" / "a.jpg"
    make_thumbnails(photos, quality=50 if damage == "settings" else 80)
    if damage == "truncate":
        os.truncate(thumbnail, 100)
    if damage == "link":
        thumbnail.unlink()
        thumbnail.symlink_to(source)
    if damage == "ledger":
        (photos / "thumbs" / ".thumbnailer").write_text('{"thumbnailer": 1, "shared": false}\n')
    assert status(photos).stale_reasons == (Reason(reason, 1, (str(source),)),)
    in_the_way = damage != "settings"  # it may be a file of the user's
    assert make_thumbnails(photos).failed == in_the_way
    assert make_thumbnails(photos, replace=True).current == (not in_the_way)
    assert make_thumbnails(photos).current == 1


def test_a_thumbnail_of_a_damaged_picture_counts_only_for_who_keeps_them(photos: Path) -> None:
    source = picture(photos / "a.png", (300, 200))
    os.truncate(source, source.stat().st_size - 60)
    make_thumbnails(photos, truncated="keep")
    assert numbers(status(photos, truncated="keep")) == {"pictures": 1, "current": 1}
    assert status(photos).stale_reasons[0].reason == "was made of a damaged picture"


def test_each_size_counts(photos: Path, tmp_path: Path) -> None:
    tree(photos, "a.jpg", "b.jpg")
    options: dict[str, Any] = {"sizes": {"small": 32, "large": 64}, "output": str(tmp_path / "out")}
    make_thumbnails(photos, **options)
    (tmp_path / "out" / "small" / "a.jpg").unlink()
    assert numbers(status(photos, **options)) == {"pictures": 2, "current": 3, "missing": 1}


def test_what_was_made_with_other_settings_counts_on_disk(photos: Path) -> None:
    tree(photos, "a.jpg")
    make_thumbnails(photos)
    make_thumbnails(photos, format="webp")
    report = status(photos, format="webp")
    assert (report.current, report.thumbnails, report.orphaned) == (1, 2, 0)


def test_the_settings_of_make_say_what_counts(photos: Path, tmp_path: Path) -> None:
    tree(photos, "a.jpg", "b.jpg", "sub/c.jpg")
    config = tmp_path / "config.toml"
    config.write_text('exclude = ["b.*"]\nrecursive = false\n')
    make_thumbnails(photos)
    told = json.loads(thumbnailer("status", "--json", photos, "--config", config).out)
    assert (told["pictures"], told["thumbnails"]) == (1, 2)


def test_a_lone_picture_and_several_sources(photos: Path) -> None:
    tree(photos, "a.jpg", "b.jpg", "sub/c.jpg")
    make_thumbnails(photos)
    one = status(photos / "a.jpg")
    assert (one.pictures, one.current, one.thumbnails) == (1, 1, 1)
    both = status([photos / "a.jpg", photos / "sub"])
    assert (both.pictures, both.current, both.thumbnails) == (2, 2, 2)


def test_the_desktop_s_cache(photos: Path, tmp_path: Path) -> None:
    tree(photos, "a.jpg", "b.jpg", "c.jpg")
    options: dict[str, Any] = {"layout": "freedesktop", "output": str(tmp_path / "cache")}
    make_thumbnails(photos, **options)
    os.utime(photos / "b.jpg", (1, 1))
    report = status(photos, **options)
    assert numbers(report) == {"pictures": 3, "current": 2, "stale": 1}
    assert report.thumbnails == 2
    assert report.size_bytes > 100


def test_what_is_no_file_is_skipped(photos: Path) -> None:
    tree(photos, "a.jpg")
    (photos / "b.jpg").symlink_to("none")
    report = status([photos, photos / "a.jpg"])
    assert numbers(report) == {"pictures": 2, "missing": 1, "skipped": 1}
    assert "skipped   1  no files or pictures, or named twice" in thumbnailer("status", photos).out


def test_a_few_names_stand_for_many(photos: Path) -> None:
    for number in range(5):
        (photos / f"{number}.jpg").touch()
    make_thumbnails(photos)
    (reason,) = status(photos).failed_reasons
    assert reason == Reason("is empty", 5, tuple(str(photos / f"{n}.jpg") for n in range(3)))
    assert thumbnailer("status", photos).out.count("2.jpg, ...") == 1


def test_reasons_without_number_are_counted_together(photos: Path) -> None:
    """Each reason tells which `thumbs` is a link."""
    for number in range(150):
        tree(photos, f"{number}/a.jpg")
        (photos / str(number) / "thumbs").symlink_to(photos)
    report = status(photos)
    assert report.failed == 150
    assert len(report.failed_reasons) == 101
    assert report.failed_reasons[0].thumbnails == 50
    lines = thumbnailer("status", photos).out.splitlines()
    assert len(lines) < 20
    assert any(line.strip() == "for other reasons (91)" for line in lines)


def test_exit_codes(photos: Path, tmp_path: Path) -> None:
    tree(photos, "a.jpg", "b.jpg")
    assert thumbnailer("status", photos).code == 0  # the next `make` will see to it
    assert thumbnailer("status", tmp_path / "none").code == 1
    assert thumbnailer("status", photos, "--size", "huge").code == 2
    (photos / "b.jpg").write_text("no picture")
    make_thumbnails(photos)
    assert thumbnailer("status", photos).code == 3
    with pytest.raises(SourceError):
        status(tmp_path / "none")


def test_quiet_says_what_has_failed_and_verbose_what_is_not_current(mixed: Path) -> None:
    quiet = thumbnailer("status", "photos", "--quiet", cwd=mixed.parent)
    failed = [
        "failed: photos/empty.jpg: is empty",
        "failed: photos/notes.png: is text, no picture",
    ]
    assert (quiet.out, sorted(quiet.err.splitlines())) == ("", failed)
    verbose = thumbnailer("status", "photos", "-v", cwd=mixed.parent)
    assert sorted(verbose.err.splitlines()) == failed
    assert sorted(line for line in verbose.out.splitlines() if ": " in line[:9]) == [
        "missing: photos/sub/thumbs/new.jpg: has not been made",
        "stale: photos/thumbs/changed.jpg: the picture has changed since",
    ]


def test_odd_names_are_escaped_for_people_and_exact_in_json(photos: Path) -> None:
    odd = os.fsdecode(os.fsencode(photos) + b"/a\n\xff.jpg")
    Path(odd).touch()
    make_thumbnails(photos)
    assert "a\\n\\udcff.jpg" in thumbnailer("status", photos).out
    (reason,) = json.loads(thumbnailer("status", "--json", photos).out)["failed_reasons"]
    assert reason["sources"] == [odd]


@root_only
def test_folders_that_may_not_be_read_are_told_of(public_folder: Path) -> None:
    tree(public_folder, "a.jpg", "closed/b.jpg")
    (public_folder / "closed").chmod(0o000)
    with nobody():
        report = status(public_folder)
    (public_folder / "closed").chmod(0o755)
    assert report.failed_reasons[0].reason == "can't be read: Permission denied"
    assert numbers(report) == {"pictures": 2, "missing": 1, "failed": 1}
    assert report.unknown == 1


@pytest.mark.slow
def test_ctrl_c_ends_it_in_the_middle_of_a_folder(photos: Path) -> None:
    for number in range(100_000):
        (photos / f"{number}.jpg").touch()
    words = [*THUMBNAILER, "status", "--json", str(photos)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    eventually(lambda: has_open(process.pid, photos))
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, "")
    assert json.loads(out)["pictures"] < 100_000
