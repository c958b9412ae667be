"""`thumbnailer verify` and `verify()`: thumbnails that are not what was made there are found."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from PIL import ExifTags, Image
from PIL.PngImagePlugin import PngInfo
from support.marks import root_only
from support.pictures import files_below, noise, picture, tree
from support.processes import RESTRICTED, finish, start, workers_of
from support.program import THUMBNAILER, thumbnailer
from support.waiting import eventually

from thumbnailer import ConfigError, Failure, Settings, SourceError, make_thumbnails, verify
from thumbnailer.model import Job
from thumbnailer.operations.thumbnail_state import ThumbnailState, thumbnail_states
from thumbnailer.render.inspect import inspect_thumbnail
from thumbnailer.scan.folders import scan


def with_length(path: Path, data: bytes) -> None:
    """Replace a file by another of the same length."""
    length = path.stat().st_size
    assert len(data) <= length
    path.write_bytes(data.ljust(length, b"\0"))


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 10)


def blank_end(path: Path) -> None:
    """As a crash of the machine leaves a file that was being written."""
    with_length(path, path.read_bytes()[:-200])


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[3] ^= 0xFF
    path.write_bytes(data)


def break_tables(path: Path) -> None:
    """What shows only when pixels are decoded: a Huffman table of more codes than can be."""
    data = bytearray(path.read_bytes())
    at = data.index(b"\xff\xc4") + 5
    data[at : at + 4] = b"\xff" * 4
    path.write_bytes(data)


def other_size(path: Path) -> None:
    length = path.stat().st_size
    picture(path, (40, 30), quality=20)
    data = path.read_bytes()
    comment = length - len(data) - 4
    assert comment >= 0
    path.write_bytes(
        data[:2] + b"\xff\xfe" + (comment + 2).to_bytes(2, "big") + bytes(comment) + data[2:]
    )


def other_format(path: Path) -> None:
    smaller = path.with_name("smaller.png")
    picture(smaller, (96, 64), mode="P")
    with_length(path, smaller.read_bytes())
    smaller.unlink()


def bomb(path: Path) -> None:
    header = b"IHDR" + (30_000).to_bytes(4) * 2 + bytes((8, 2, 0, 0, 0))
    crc = zlib.crc32(header).to_bytes(4)
    with_length(path, b"\x89PNG\r\n\x1a\n\0\0\0\r" + header + crc + b"\0\0\0\0IDAT")


def text(path: Path) -> None:
    with_length(path, b"some text".ljust(path.stat().st_size))


def link(path: Path) -> None:
    copy = path.with_name("copy")
    shutil.copy(path, copy)
    path.unlink()
    path.symlink_to(copy.name)


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def delete(path: Path) -> None:
    path.unlink()


def ledger(change: Callable[[list[Any]], None]) -> Callable[[Path], None]:
    """Somebody edits what was entered of the thumbnail."""

    def edit(path: Path) -> None:
        mark = path.with_name(".thumbnailer")
        lines = mark.read_text().splitlines()
        row = json.loads(lines[-1])
        change(row)
        mark.write_text("\n".join([*lines[:-1], json.dumps(row)]) + "\n")

    return edit


DAMAGE: dict[str, tuple[Callable[[Path], None], str, str]] = {
    "cut off": (cut, "wrong", "is not as long as it was made"),
    "the end is zeros": (blank_end, "wrong", "damaged: its end is not that of a JPEG"),
    "flipped bytes": (flip, "wrong", "begins like JPEG, but its header is damaged"),
    "broken tables": (
        break_tables,
        "wrong",
        "damaged at 0 %: the data make no sense from there on",
    ),
    "another picture": (other_size, "wrong", "is 40 x 30 px, but was made of 96 x 64 px"),
    "another format": (other_format, "wrong", "is png, not jpeg"),
    "a bomb": (
        bomb,
        "wrong",
        "has 30000 x 30000 px, 900 megapixels: more than the limit of 250 (max_pixels)",
    ),
    "no picture": (text, "wrong", "is text, no picture"),
    "a link": (link, "wrong", "is a link"),
    "a folder": (folder, "wrong", "is a folder"),
    "deleted": (delete, "missing", "is gone"),
    "another length in the ledger": (
        ledger(lambda row: row.__setitem__(7, row[7] + 1)),
        "wrong",
        "is not as long as it was made",
    ),
    "another size in the ledger": (
        ledger(lambda row: row.__setitem__(5, 95)),
        "wrong",
        "is 96 x 64 px, but was made of 95 x 64 px",
    ),
    "another source in the ledger": (
        ledger(lambda row: row.__setitem__(1, "../b.jpg")),
        "stale",
        "was made of ../b.jpg",
    ),
    "another state in the ledger": (
        ledger(lambda row: row.__setitem__(3, 1)),
        "stale",
        "the picture has changed since",
    ),
    "nonsense in the ledger": (
        ledger(lambda row: row.__setitem__(2, "x")),
        "stale",
        "is of unknown origin",
    ),
}


@pytest.mark.parametrize(("damage", "status", "reason"), DAMAGE.values(), ids=DAMAGE)
@pytest.mark.few(2)
def test_damage_is_found_and_can_be_mended(
    photos: Path, damage: Callable[[Path], None], status: str, reason: str
) -> None:
    source, thumbnail = photos / "a.jpg", photos / "thumbs" / "a.jpg"
    noise((96, 64), 80).convert("RGB").save(source)
    make_thumbnails(photos)
    right = thumbnail.read_bytes()
    damage(thumbnail)
    report = verify(photos)
    assert not report.is_well
    (finding,) = report.findings
    assert (finding.status, finding.reason) == (status, reason)
    assert (finding.thumbnail, finding.source.path) == (str(thumbnail), str(source))

    mended = verify(photos, fix=True)
    if not mended.fixed:  # whoever made that may want it
        assert "can't be made anew" in mended.findings[0].reason
        assert f"{thumbnail} is in the way" in mended.findings[0].reason
        mended = verify(photos, fix=True, replace=True)
    if thumbnail.is_dir():
        assert mended.findings[0].reason == (
            f"is a folder; can't be made anew: {thumbnail} is in the way: it is a folder"
        )
        return
    assert (mended.fixed, mended.is_well) == (1, True)
    assert thumbnail.read_bytes() == right
    assert not thumbnail.is_symlink()
    assert verify(photos).findings == ()


@pytest.mark.parametrize("format", ["jpeg", "png", "webp", "avif", "gif"])
@pytest.mark.parametrize(
    "looks",
    [
        {},
        {"fit": "cover", "size": "50x40"},
        {"fit": "pad", "size": "50x40"},
        {"upscale": True, "size": 300},
    ],
    ids=["contain", "cover", "pad", "upscale"],
)
@pytest.mark.few(1)
def test_whatever_is_made_is_whole(photos: Path, looks: dict[str, Any], format: str) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    for name in ("a.jpg", "b.png", "c.webp", "d.tif"):
        picture(photos / name, (97, 64), exif=exif)
    frames = [Image.new("RGB", (60, 50), colour) for colour in ("red", "blue", "lime")]
    frames[0].save(photos / "e.gif", save_all=True, append_images=frames[1:])
    picture(photos / "f.png", mode="RGBA")
    looks = looks | {"format": format, "animated": True}
    assert make_thumbnails(photos, **looks).made == 6
    report = verify(photos, **looks)
    assert report.findings == ()
    assert (report.thumbnails, report.whole) == (6, 6)


@pytest.mark.slow
def test_a_png_is_checked_to_its_last_byte(photos: Path) -> None:
    picture(photos / "a.png")
    make_thumbnails(photos, format="png")
    thumbnail = photos / "thumbs" / "a.png"
    right = thumbnail.read_bytes()
    for at in range(8, len(right), len(right) // 25):
        thumbnail.write_bytes(right[:at] + bytes([right[at] ^ 1]) + right[at + 1 :])
        assert verify(photos, format="png", jobs=1).wrong == 1, at


def test_each_frame_of_an_animation_is_decoded(photos: Path) -> None:
    frames = [noise((64, 48), sigma, sigma) for sigma in (10, 50, 90)]
    frames[0].save(photos / "a.gif", save_all=True, append_images=frames[1:])
    looks: dict[str, Any] = {"format": "gif", "animated": True}
    make_thumbnails(photos, **looks)
    thumbnail = photos / "thumbs" / "a.gif"
    data = bytearray(thumbnail.read_bytes())
    data[-500:-400] = b"\xff" * 100  # in the last one
    thumbnail.write_bytes(data)
    assert verify(photos, **looks).wrong == 1


def test_auto_formats(photos: Path) -> None:
    tree(photos, "a.jpg")
    picture(photos / "b.png", mode="RGBA")
    clear = Image.new("RGBA", (50, 40), (255, 0, 0, 0))
    clear.save(photos / "c.png")
    make_thumbnails(photos, format="auto")
    assert verify(photos, format="auto").findings == ()
    os.utime(photos / "c.png", (1, 1))
    (finding,) = verify(photos, format="auto").findings
    assert (finding.status, finding.thumbnail) == ("stale", str(photos / "thumbs" / "c.png"))


def test_a_thumbnail_must_have_the_size_that_its_picture_asks_for(photos: Path) -> None:
    """A thumbnail of another picture, entered as one of this: all but its shape fits."""
    picture(photos / "a.jpg", (300, 200))
    picture(photos / "b.jpg", (200, 300))
    make_thumbnails(photos)
    thumbs = photos / "thumbs"
    shutil.copy(thumbs / "b.jpg", thumbs / "a.jpg")
    header, *rest = map(json.loads, (thumbs / ".thumbnailer").read_text().splitlines())
    rows = [row for row in rest if row != header]  # two workers may both have begun the file
    size = next(row for row in rows if row[0] == "b.jpg")[5:8]
    edited = [[*row[:5], *size] if row[0] == "a.jpg" else row for row in rows]
    lines = [json.dumps(row) + "\n" for row in (header, *edited)]
    (thumbs / ".thumbnailer").write_text("".join(lines))
    (finding,) = verify(photos).findings
    assert finding.source.path == str(photos / "a.jpg")
    assert (finding.status, finding.reason) == ("wrong", "is 171 x 256 px, not 256 x 171 px")


def test_what_else_there_is_has_its_own_word(photos: Path) -> None:
    tree(photos, "whole.jpg", "changed.jpg", "gone.jpg")
    (photos / "text.jpg").write_text("some text")
    make_thumbnails(photos)
    os.utime(photos / "changed.jpg", (1, 1))
    (photos / "gone.jpg").unlink()
    (photos / "nowhere.jpg").symlink_to("none")
    tree(photos, "new.jpg")
    run = thumbnailer("verify", "photos", "-v", cwd=photos.parent)
    assert run.code == 3
    assert sorted(run.err.splitlines()) == [
        "failed: photos/text.jpg: is text, no picture",
        "missing: photos/thumbs/new.jpg: has not been made",
        "stale: photos/thumbs/changed.jpg: the picture has changed since",
    ]
    *lines, summary = run.out.splitlines()
    assert sorted(lines) == [
        "skipped: photos/nowhere.jpg: is a link to nothing",
        "whole: photos/thumbs/whole.jpg",
    ]
    assert summary.startswith(
        "5 thumbnails, 1 whole, 1 stale, 1 missing, 1 failed, 1 skipped, 1 orphaned in "
    )


def test_fixing_makes_what_is_missing_and_leaves_what_is_whole(photos: Path) -> None:
    tree(photos, "a.jpg", "b.jpg")
    make_thumbnails(photos)
    tree(photos, "c.jpg")
    flip(photos / "thumbs" / "b.jpg")
    before = (photos / "thumbs" / "a.jpg").stat().st_ino
    run = thumbnailer("verify", "photos", "--fix", cwd=photos.parent)
    assert run.code == 0
    *lines, summary = run.out.splitlines()
    assert sorted(lines) == [
        "fixed: photos/thumbs/b.jpg: begins like JPEG, but its header is damaged",
        "fixed: photos/thumbs/c.jpg: has not been made",
    ]
    assert summary.startswith("3 thumbnails, 1 whole, 2 fixed in ")
    assert (photos / "thumbs" / "a.jpg").stat().st_ino == before
    assert make_thumbnails(photos).current == 3


def test_what_cannot_be_fixed_says_why(photos: Path) -> None:
    source = picture(photos / "a.jpg", (300, 200))
    make_thumbnails(photos)
    stamp = source.stat().st_mtime_ns
    text(source)  # the disk's fault: the length and the time are what they were
    os.utime(source, ns=(stamp, stamp))
    (finding,) = verify(photos, fix=True).findings
    assert finding.status == "stale"
    assert finding.reason == (
        "the picture has changed since; can't be made anew: is text, no picture"
    )
    assert files_below(photos) == {"a.jpg", "thumbs/a.jpg"}


def test_what_may_be_the_user_s_is_replaced_only_if_told(photos: Path) -> None:
    tree(photos, "a.jpg")
    make_thumbnails(photos)
    mine = photos / "thumbs" / "a.jpg"
    mine.write_text("mine")
    (finding,) = verify(photos, fix=True).findings
    assert (finding.status, finding.reason) == (
        "wrong",
        f"is not as long as it was made; can't be made anew: {mine} is in the way: "
        "it has been changed since thumbnailer made it",
    )
    assert mine.read_text() == "mine"
    assert verify(photos, fix=True, replace=True).fixed == 1
    assert verify(photos).whole == 1


@pytest.mark.slow
def test_sizes_are_mended_one_by_one(photos: Path, tmp_path: Path) -> None:
    tree(photos, "a.jpg", "sub/b.png")
    options: dict[str, Any] = {"sizes": {"small": 32, "large": 64}, "output": str(tmp_path / "out")}
    make_thumbnails(photos, **options)
    flip(tmp_path / "out" / "large" / "sub" / "b.png.jpg")
    delete(tmp_path / "out" / "small" / "a.jpg")
    report = verify(photos, **options)
    assert (report.whole, report.wrong, report.missing) == (2, 1, 1)
    assert verify(photos, fix=True, **options).fixed == 2
    assert verify(photos, **options).whole == 4


@pytest.mark.slow
def test_the_desktop_s_cache(photos: Path, tmp_path: Path) -> None:
    tree(photos, "a.jpg", "b.jpg")
    options: dict[str, Any] = {"layout": "freedesktop", "output": str(tmp_path / "cache")}
    make_thumbnails(photos, **options)
    first, _ = sorted((tmp_path / "cache" / "large").iterdir())
    os.truncate(first, first.stat().st_size - 30)
    report = verify(photos, **options)
    assert (report.whole, report.wrong) == (1, 1)
    assert verify(photos, fix=True, **options).fixed == 1
    assert verify(photos, **options).whole == 2


def test_what_others_have_put_into_the_desktop_s_cache_may_be_rounded_otherwise(
    photos: Path, tmp_path: Path
) -> None:
    picture(photos / "a.jpg", (300, 200))
    options: dict[str, Any] = {"layout": "freedesktop", "output": str(tmp_path / "cache")}
    make_thumbnails(photos, **options)
    (thumbnail,) = (tmp_path / "cache" / "large").iterdir()
    with Image.open(thumbnail) as made:
        told = PngInfo()
        for key, value in made.info.items():
            told.add_text(str(key), str(value))
        other = made.resize((256, 170))
    other.save(thumbnail, pnginfo=told)
    assert verify(photos, **options).whole == 1


def test_a_picture_that_changes_meanwhile_makes_its_thumbnail_stale(photos: Path) -> None:
    source = picture(photos / "a.jpg")
    make_thumbnails(photos)
    settings = Settings()
    (state,) = thumbnail_states(scan(str(photos)), settings)
    assert isinstance(state, ThumbnailState)
    assert state.made
    os.utime(source, (1, 1))
    job = Job(state.source, (state.wanted, state.made), settings.limits)
    result = inspect_thumbnail(job, lambda needed_bytes: None)
    assert result == Failure("stale", "the picture has changed since")


def test_json_has_a_line_for_each_thumbnail_and_a_summary(photos: Path) -> None:
    odd = os.fsdecode(os.fsencode(photos) + b"/a\n\xff.jpg")
    tree(photos, "b.jpg")
    shutil.copy(photos / "b.jpg", odd)
    make_thumbnails(photos)
    cut(photos / "thumbs" / "b.jpg")
    run = thumbnailer("verify", "--json", photos)
    assert (run.code, run.err) == (3, "")
    odd_row, row = sorted(run.rows, key=lambda row: str(row["source"]))
    assert odd_row["source"] == odd
    assert row == {
        "thumbnail": str(photos / "thumbs" / "b.jpg"),
        "source": str(photos / "b.jpg"),
        "status": "wrong",
        "reason": "is not as long as it was made",
    }
    assert run.summary.pop("seconds") > 0
    assert {name: number for name, number in run.summary.items() if name != "seconds"} == {
        "thumbnails": 2,
        "whole": 1,
        "wrong": 1,
        "stale": 0,
        "missing": 0,
        "failed": 0,
        "skipped": 0,
        "fixed": 0,
        "orphaned": 0,
    }


@pytest.mark.slow
def test_quiet_says_what_is_not_well(photos: Path) -> None:
    tree(photos, "a.jpg", "b.jpg")
    make_thumbnails(photos)
    assert thumbnailer("verify", photos, "--quiet").code == 0
    cut(photos / "thumbs" / "b.jpg")
    run = thumbnailer("verify", photos, "--quiet")
    assert (run.code, run.out) == (3, "")
    assert run.err == f"wrong: {photos}/thumbs/b.jpg: is not as long as it was made\n"
    run = thumbnailer("verify", photos, "--quiet", "--fix", "--replace")
    assert (run.code, run.out, run.err) == (0, "", "")


def test_it_writes_nothing(photos: Path) -> None:
    tree(photos, "a.jpg", "b.jpg")
    make_thumbnails(photos)
    cut(photos / "thumbs" / "b.jpg")
    (photos / "thumbs" / ".thumbnailer-0123456789abcdef.tmp").touch()  # which `make` sweeps up
    before = {path: path.lstat().st_mtime_ns for path in photos.rglob("*")}
    verify(photos)
    assert {path: path.lstat().st_mtime_ns for path in photos.rglob("*")} == before


@root_only
def test_what_may_not_be_read_is_told_of(photos: Path) -> None:
    tree(photos, "a.jpg", "b.jpg")
    make_thumbnails(photos)
    (photos / "a.jpg").chmod(0o000)
    (photos / "thumbs" / "b.jpg").chmod(0o000)
    words = [*RESTRICTED, *THUMBNAILER, "verify", "photos"]
    done = subprocess.run(words, cwd=photos.parent, capture_output=True, text=True, timeout=60)
    assert sorted(done.stderr.splitlines()) == [
        "failed: photos/a.jpg: the picture can't be read: Permission denied",
        "wrong: photos/thumbs/b.jpg: Permission denied",
    ]


@root_only
def test_a_full_disk_ends_fixing_and_what_was_found_is_told(photos: Path, tmp_path: Path) -> None:
    tree(photos, "a.jpg", "b.jpg")
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)]
    if subprocess.run(mount, stderr=subprocess.DEVNULL).returncode:
        pytest.skip("may not mount a tmpfs")
    try:
        make_thumbnails(photos, output=str(disk / "out"))
        os.truncate(disk / "out" / "a.jpg", 100)
        with suppress(OSError), open(disk / "filler", "wb", buffering=0) as filler:
            while True:
                filler.write(bytes(4096))
        run = thumbnailer("verify", "--fix", "--replace", photos, "-o", disk / "out")
    finally:
        subprocess.run(["umount", str(disk)], check=True)
    assert run.code == 1
    wrong, *others, end = run.err.splitlines()
    assert wrong.startswith(f"wrong: {disk}/out/a.jpg: is not as long as it was made")
    assert others == []
    assert "No space left on device" in end
    assert run.out.startswith("2 thumbnails, 1 whole, 1 wrong in ")


@pytest.mark.parametrize("state", ["whole", "wrong", "stale", "missing", "failed", "skipped"])
def test_the_exit_code_says_whether_all_is_well(photos: Path, state: str) -> None:
    tree(photos, "a.jpg", "b.jpg")
    make_thumbnails(photos)
    if state == "wrong":
        cut(photos / "thumbs" / "a.jpg")
    elif state == "stale":
        picture(photos / "a.jpg", (30, 20))
    elif state == "missing":
        (photos / "thumbs" / "a.jpg").unlink()
    elif state == "failed":
        (photos / "a.jpg").write_text("no picture")
        make_thumbnails(photos)
    elif state == "skipped":
        (photos / "c.jpg").symlink_to("nowhere")
    run = thumbnailer("verify", photos, "--json")
    is_well = state in ("whole", "skipped")
    assert run.code == (0 if is_well else 3)
    expected = {"whole": 2 if is_well else 1} | ({} if state == "whole" else {state: 1})
    counted = ("whole", "wrong", "stale", "missing", "failed", "skipped")
    assert {name: run.summary[name] for name in counted if run.summary[name]} == expected
    assert verify(photos).is_well == is_well


def test_impossible_wishes(photos: Path, tmp_path: Path) -> None:
    assert thumbnailer("verify", tmp_path / "none").code == 1
    assert thumbnailer("verify", photos, "--size", "huge").code == 2
    with pytest.raises(SourceError):
        verify(tmp_path / "none")
    with pytest.raises(ConfigError):
        verify(photos, size="huge")


@pytest.mark.parametrize("options", [[], ["--fix"]], ids=["look", "fix"])
@pytest.mark.slow
def test_ctrl_c_ends_it(photos: Path, options: list[str]) -> None:
    first = picture(photos / "0.jpg", (640, 480))
    for number in range(1, 600):
        shutil.copy(first, photos / f"{number}.jpg")
    if not options:
        make_thumbnails(photos)
    with start(*THUMBNAILER, "verify", "-j", "1", "--json", photos, *options) as started:
        eventually(lambda: workers_of(started))
        started.process.send_signal(signal.SIGINT)
        run = finish(started, photos, complete=False)
    assert (run.code, run.err) == (130, "")
    assert run.summary["seconds"] > 0
    assert not list(photos.rglob("*.tmp"))
