"""`thumbnailer make --files-from`: a list of paths that is read as it comes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from support.listing import listing
from support.marks import needs_proc, posix_only
from support.pictures import files_below, picture, tree
from support.program import THUMBNAILER, Run, make, thumbnailer
from support.terminal import on_terminal
from support.waiting import STALL_SECONDS, eventually


def make_of(text: str | bytes, *arguments: str | Path, cwd: Path) -> Run:
    """A run to its end over a list that there is."""
    (cwd / "list").write_bytes(os.fsencode(text))
    return make("--files-from", "list", *arguments, cwd=cwd)


def test_a_line_is_made_at_once_while_the_list_stays_open(photos: Path) -> None:
    tree(photos, "a.jpg", "b.jpg", "c.jpg")
    with listing(cwd=photos) as run:
        run.write("a.jpg\n")
        assert run.row()["thumbnails"][0]["path"] == "thumbs/a.jpg"  # workers have to start
        for name in ("b.jpg", "c.jpg"):
            started = time.monotonic()
            run.write(f"{name}\n")
            row = run.row()
            assert (row["source"], row["status"]) == (name, "made")
            assert time.monotonic() - started < 2
            assert (photos / "thumbs" / name).exists()
        run.write("no")
        run.write("ne.jpg")  # its end is that of the list
        assert run.close() == 3
        assert (run.row()["source"], run.row()["summary"]["made"]) == ("none.jpg", 3)


def test_a_picture_that_has_changed_is_made_again_if_it_is_named_again(photos: Path) -> None:
    picture(photos / "a.jpg", (400, 100))
    with listing(cwd=photos) as run:
        for size in ((100, 400), (300, 300), (400, 100)):
            picture(photos / "a.jpg", size)
            run.write("a.jpg\n./a.jpg\n")
            rows = [run.row(), run.row()]
            assert [row["status"] for row in rows] == ["made", "current"]
            made = rows[0]["thumbnails"][0]
            assert made["width"] * size[1] == made["height"] * size[0]
        assert run.close() == 0


def test_a_picture_that_is_named_again_and_again_is_made_by_one_at_a_time(photos: Path) -> None:
    picture(photos / "a.png", (1500, 1500), compress_level=1)
    run = make_of("a.png\n" * 20, "--force", cwd=photos)
    assert [row["status"] for row in run.rows] == ["made"] * 20
    assert files_below(photos) == {"a.png", "list", "thumbs/a.png.jpg"}


def test_lines_that_name_no_picture_fail_and_the_others_are_made(photos: Path) -> None:
    tree(photos, "a.jpg", "b.jpg")
    (photos / "notes.txt").write_text("text")
    lines = ["a.jpg", "none.jpg", "notes.txt", "x" * 70_000, "s3://", "ftp://me:secret@host/c.jpg"]
    run = make_of("\n".join([*lines, "", "s3://bucket/d.jpg", "b\0.jpg", "b.jpg"]), cwd=photos)
    assert run.code == 3
    assert run.statuses["a.jpg"] == run.statuses["b.jpg"] == "made"
    failed = {row["source"]: row["error"]["reason"] for row in run.rows if row["error"]}
    assert len(failed) == 7
    assert failed["none.jpg"] == "is not there"
    assert failed["notes.txt"] == "is text, no picture"
    assert "more than 65,536 bytes" in failed[f"{'x' * 98}...{'x' * 98}"]
    assert "need an output" in failed["s3://bucket/d.jpg"]
    assert "has a NUL" in failed["b\0.jpg"]
    assert "secret" not in run.out


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("a.jpg\nb.jpg\n", ["a.jpg", "b.jpg"]),
        ("a.jpg\r\n\r\n\n\nb.jpg", ["a.jpg", "b.jpg"]),
        ("a.jpg\0b.jpg\0", ["a.jpg", "b.jpg"]),
        ("a\nc.jpg\0b.jpg", ["a\nc.jpg", "b.jpg"]),
        ("day 2/c.jpg\n", ["day 2/c.jpg"]),
        ("day 2\n", ["day 2/c.jpg"]),
        ("", []),
    ],
)
@posix_only
def test_how_paths_are_separated(photos: Path, text: str, made: list[str]) -> None:
    tree(photos, "a.jpg", "b.jpg", "a\nc.jpg", "day 2/c.jpg")
    run = make_of(text, cwd=photos)
    assert run.code == 0
    assert sorted(row["source"] for row in run.rows) == sorted(made)


@posix_only
def test_names_that_are_no_utf8_are_names(photos: Path) -> None:
    name = b"gr\xfcn.jpg"
    picture(photos / "a.jpg").rename(os.fsdecode(os.path.join(os.fsencode(photos), name)))
    run = make_of(name + b"\n", cwd=photos)
    assert (run.code, run.summary["made"]) == (0, 1)


def test_the_list_names_pictures_below_a_source_and_they_go_where_its_scan_puts_them(
    tmp_path: Path,
) -> None:
    uploads = tree(tmp_path / "uploads", "1/photo.jpg", "2/photo.jpg", "3/photo.jpg", "4/b.jpg")
    lines = ["1/photo.jpg", str(uploads / "2" / "photo.jpg"), "./4"]
    run = make_of("\n".join(lines), "uploads", "-o", "out", cwd=tmp_path)
    assert run.code == 0
    thumbnails = {"1/photo.jpg", "2/photo.jpg", "4/b.jpg"}
    assert files_below(tmp_path / "out") == thumbnails
    assert make("uploads", "-o", "out", cwd=tmp_path).summary["current"] == len(thumbnails)


@pytest.mark.parametrize("options", [[], ["--name", "{stem}_{size}"]])
def test_without_a_source_no_picture_gets_the_thumbnail_of_another(
    tmp_path: Path, options: list[str]
) -> None:
    tree(tmp_path, "1/photo.jpg", "2/photo.jpg")
    lines = "1/photo.jpg\n1/photo.jpg\n2/photo.jpg\n2/photo.jpg\n1/photo.jpg"
    run = make_of(lines, "-o", "out", *options, cwd=tmp_path)
    assert (run.code, run.summary["made"], run.summary["current"]) == (3, 1, 2)
    failed = [row for row in run.rows if row["error"]]
    assert [row["source"] for row in failed] == ["2/photo.jpg"] * 2
    reason = failed[0]["error"]["reason"]
    assert reason.startswith(os.path.join("out", "photo"))
    assert "is already the thumbnail of " in reason


def test_several_sources_have_their_own_folders_as_ever(tmp_path: Path) -> None:
    tree(tmp_path, "one/a.jpg", "two/day/a.jpg", "three/a.jpg")
    lines = "one/a.jpg\ntwo/day/a.jpg\nthree/a.jpg"
    run = make_of(lines, "one", "two", "-o", "out", cwd=tmp_path)
    assert run.code == 3
    assert [row["source"] for row in run.rows if row["error"]] == ["three/a.jpg"]
    assert files_below(tmp_path / "out") == {"one/a.jpg", "two/day/a.jpg"}


@pytest.mark.parametrize("line", ["/etc/a.jpg", "../b.jpg", "1/../../b.jpg", "s3://bucket/1/a.jpg"])
def test_what_lies_outside_of_the_sources_fails(tmp_path: Path, line: str) -> None:
    tree(tmp_path, "uploads/1/a.jpg", "b.jpg")
    run = make_of(line, "uploads", cwd=tmp_path)
    assert (run.code, run.summary["found"]) == (3, 1)
    assert run.rows[0]["error"]["reason"] == "is in none of the SOURCEs"
    assert "thumbs/b.jpg" not in files_below(tmp_path)


@posix_only
def test_a_source_may_be_spelled_in_two_ways(tmp_path: Path) -> None:
    tree(tmp_path, "disk/1/a.jpg", "disk/2/a.jpg")
    (tmp_path / "link").symlink_to("disk")
    for source, lines in (("link", tmp_path / "disk/1/a.jpg"), ("disk", tmp_path / "link/2/a.jpg")):
        assert make_of(str(lines), source, "-o", "out", cwd=tmp_path).code == 0
    assert files_below(tmp_path / "out") == {"1/a.jpg", "2/a.jpg"}


def test_what_a_scan_of_the_source_would_leave_out_is_passed_over(tmp_path: Path) -> None:
    names = ["a.jpg", "private/b.jpg", ".hidden/c.jpg", "@eaDir/d.jpg", "e.png", "deep/f.jpg"]
    tree(tmp_path / "photos", *names)
    (tmp_path / "photos" / "notes.txt").write_text("text")
    lines = "\n".join([*names, "notes.txt", "private", ".hidden", "gone.txt"])
    options = ("--exclude", "private", "--exclude", "*.png", "--no-recursive")
    run = make_of(lines, "photos", *options, cwd=tmp_path)
    assert (run.code, run.statuses) == (0, {"a.jpg": "made"})
    run = make_of(lines, "photos", "--include", "private/*", "--include", "*.png", cwd=tmp_path)
    assert (run.code, {*run.statuses}) == (0, {"b.jpg", "e.png"})


@pytest.mark.parametrize("sources", [[], ["."]])
@pytest.mark.parametrize("output", [[], ["-o", "out"]])
def test_thumbnails_have_no_thumbnails_though_whatever_is_written_is_named(
    photos: Path, sources: list[str], output: list[str]
) -> None:
    tree(photos, "a.jpg", "b.png", "day/c.jpg")
    first = make_of("a.jpg\nb.png\nday/c.jpg", *sources, *output, cwd=photos)
    assert first.summary["made"] == 3
    written = {name for name in files_below(photos) if name.startswith(("out", "thumbs"))}
    again = make_of("\n".join([*written, "day/thumbs/c.jpg"]), *sources, cwd=photos)
    named = [row["source"] for row in again.rows if row["status"] != "failed"]
    assert named == []
    assert not [name for name in files_below(photos) if name.count("thumbs") > 1]


def test_a_dry_run_makes_nothing_and_failures_are_not_tried_again(photos: Path) -> None:
    tree(photos, "a.jpg")
    (photos / "b.jpg").write_text("no picture")
    (photos / "list").write_text("a.jpg\nb.jpg\n")
    options = ("make", "--files-from", "list")
    dry = thumbnailer(*options, "--dry-run", cwd=photos)
    assert "2 found, 0 made, 0 current, 2 would be made" in dry.out
    assert files_below(photos) == {"a.jpg", "b.jpg", "list"}
    assert thumbnailer(*options, "--quiet", cwd=photos).out == ""
    assert "1 failed before" in thumbnailer(*options, cwd=photos).out
    assert "failed before" not in thumbnailer(*options, "--retry-failed", cwd=photos).out
    assert "made: a.jpg -> " in thumbnailer(*options, "--force", "-v", cwd=photos).out


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--files-from", "photo"], 1, "photo: no such file; did you mean photos?"),
        (["--files-from", "photos"], 1, "photos: is a folder; --files-from takes a list"),
        (["--files-from", ""], 2, "--files-from: is empty; must be the path of a file, or -"),
        (["photos/a.jpg", "--files-from", "list"], 1, "is no folder"),
        (["none", "--files-from", "list"], 1, "none: no such file or folder"),
        (["--files-from", "list", "--shard", "1/2"], 2, "has no place with a list"),
        (["photos", "--files-from", "list", "--gallery"], 2, "--gallery: shows whole folders"),
    ],
)
def test_a_list_that_can_t_be_taken_is_told_in_one_line(
    tmp_path: Path, arguments: list[str], code: int, said: str
) -> None:
    tree(tmp_path, "photos/a.jpg")
    (tmp_path / "list").write_text("a.jpg\n")
    run = thumbnailer("make", *arguments, cwd=tmp_path)
    assert (run.code, run.out, run.err.count("\n")) == (code, "", 1)
    assert said in run.err


@posix_only
def test_a_list_that_may_not_be_read(photos: Path, restricted: tuple[str, ...]) -> None:
    os.mkfifo(photos / "list", 0o000)
    words = [*restricted, *THUMBNAILER, "make", "--files-from", "list"]
    done = subprocess.run(words, cwd=photos, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr.endswith("list: may not be read (permission denied)\n")


@posix_only
def test_a_named_pipe_is_read_as_standard_input_is(photos: Path) -> None:
    tree(photos, "a.jpg", "b.jpg")
    os.mkfifo(photos / "pipe")
    words = [*THUMBNAILER, "make", "--json", "--files-from", "pipe"]
    with subprocess.Popen(words, cwd=photos, stdout=subprocess.PIPE, text=True) as process:
        with (photos / "pipe").open("w") as pipe:
            for name in ("a.jpg", "b.jpg"):
                print(name, file=pipe, flush=True)
                assert process.stdout
                assert json.loads(process.stdout.readline())["source"] == name
        assert process.wait(STALL_SECONDS) == 0


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["SIGINT", "SIGTERM"]
)
@pytest.mark.parametrize("has_made", [False, True])
@needs_proc
def test_a_signal_ends_the_wait_for_a_line(
    photos: Path, number: signal.Signals, code: int, has_made: bool
) -> None:
    tree(photos, "a.jpg")
    with listing(cwd=photos) as run:
        if has_made:
            run.write("a.jpg\n")
            assert run.row()["status"] == "made"
        else:  # its handlers are there once there are threads
            tasks = f"/proc/{run.process.pid}/task"
            eventually(lambda: len(os.listdir(tasks)) > 1)
        run.process.send_signal(number)
        assert run.process.wait(STALL_SECONDS) == code
        assert run.row()["summary"]["made"] == has_made


@posix_only
def test_a_signal_ends_the_wait_for_a_writer_of_a_named_pipe(photos: Path) -> None:
    os.mkfifo(photos / "pipe")
    words = [*THUMBNAILER, "make", "--files-from", "pipe"]
    with subprocess.Popen(words, cwd=photos, stdout=subprocess.PIPE, text=True) as process:
        tasks = f"/proc/{process.pid}/task"
        eventually(lambda: len(os.listdir(tasks)) > 1)
        process.send_signal(signal.SIGTERM)
        assert process.wait(STALL_SECONDS) == 143


@posix_only
def test_on_a_terminal_lines_are_typed_and_the_bar_has_no_total(photos: Path) -> None:
    tree(photos, "a.jpg", "b.jpg")
    typed = "a.jpg\nb.jpg\n\x04"  # Ctrl-D
    for number in range(200):
        os.link(photos / "a.jpg", photos / f"{number}.jpg")
    seen = on_terminal("make", ".", "--files-from", "-", in_too=True, typed=typed, cwd=photos)
    assert seen.code == 0
    assert seen.out.startswith("2 found, 2 made")
    assert "%" not in seen.shown
    assert "/2" not in seen.shown


@pytest.mark.slow
@needs_proc
def test_an_endless_list_takes_no_more_and_more_memory(photos: Path) -> None:
    tree(photos, *(f"{number}.jpg" for number in range(20)))
    lines = "".join(f"{number}.jpg\nnone {number}.jpg\n" for number in range(20)) + "x" * 100_000

    def memory() -> int:
        return int(Path(f"/proc/{run.process.pid}/statm").read_text().split()[1]) * 4096

    with listing(cwd=photos) as run:
        measured = []
        for _ in range(4):
            for _ in range(100):
                run.write(f"{lines}\n")
                for _ in range(41):
                    run.row()
            measured.append(memory())
        for _ in range(500):
            run.write("x" * 100_000)
        run.write("\n0.jpg\n")
        assert [run.row()["status"] for _ in range(2)] == ["failed", "current"]
        measured.append(memory())
        assert max(measured[2:]) < measured[1] + 2_000_000
        assert run.close() == 3
