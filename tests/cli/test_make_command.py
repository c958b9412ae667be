"""`thumbnailer make` as a person or a script meets it."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from pathlib import Path

import pytest
from PIL import Image
from support.pictures import files_below, noise, picture, snapshot, tree
from support.program import THUMBNAILER, make, thumbnailer
from support.thumbhash import shows_quarters


def test_a_folder_tree_gets_a_thumbs_folder_beside_each_picture(photos: Path) -> None:
    tree(photos, "a.jpg", "trip/b.png", "trip/day 2/c.webp")
    run = make(photos)
    assert run.code == 0
    assert run.summary["found"] == run.summary["made"] == 3
    assert files_below(photos) == {
        "a.jpg",
        "thumbs/a.jpg",
        "trip/b.png",
        "trip/thumbs/b.png.jpg",
        "trip/day 2/c.webp",
        "trip/day 2/thumbs/c.webp.jpg",
    }


def test_json_has_a_line_for_each_source_and_a_summary(photos: Path) -> None:
    picture(photos / "a.jpg", (640, 480))
    (photos / "b.jpg").write_text("no picture")
    run = make(photos, "--size", "100")
    made, failed = sorted(run.rows, key=lambda row: row["source"])
    thumbnail = photos / "thumbs" / "a.jpg"
    assert made["source"] == str(photos / "a.jpg")
    assert made["status"] == "made"
    (shown,) = made["thumbnails"]
    assert shows_quarters(shown.pop("placeholder"))
    length = thumbnail.stat().st_size
    assert shown == {"path": str(thumbnail), "width": 100, "height": 75, "bytes": length}
    assert made["error"] is None
    assert made["seconds"] > 0
    assert failed["status"] == "failed"
    assert failed["thumbnails"] == []
    assert failed["error"] == {"stage": "open", "reason": "is text, no picture"}
    counts = {"found": 2, "made": 1, "current": 0, "skipped": 0, "failed": 1}
    assert run.summary.items() >= counts.items()


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ("100", (100, 50)),
        ("100x100", (100, 50)),
        ("300x50", (100, 50)),
        ("100x", (100, 50)),
        ("x50", (100, 50)),
        ("1000", (400, 200)),  # never larger than the source
        ("x1000", (400, 200)),
        ("1", (1, 1)),
    ],
)
@pytest.mark.few(1)
def test_sizes(photos: Path, size: str, expected: tuple[int, int]) -> None:
    picture(photos / "a.jpg", (400, 200))
    assert make(photos, "-s", size).code == 0
    with Image.open(photos / "thumbs" / "a.jpg") as thumbnail:
        assert thumbnail.size == expected


@pytest.mark.parametrize(
    ("format", "name"), [("jpeg", "a.bmp.jpg"), ("png", "a.bmp.png"), ("webp", "a.bmp.webp")]
)
@pytest.mark.few(1)
def test_formats(photos: Path, format: str, name: str) -> None:
    picture(photos / "a.bmp")
    assert make(photos, "-f", format).code == 0
    with Image.open(photos / "thumbs" / name) as thumbnail:
        assert thumbnail.format == format.upper()


def test_lower_quality_makes_smaller_files(photos: Path) -> None:
    noise((300, 300), 90).save(photos / "a.jpg")
    good = make(photos, "-q", "95").rows[0]["thumbnails"][0]["bytes"]
    small = make(photos, "-q", "5").rows[0]["thumbnails"][0]["bytes"]
    assert small < good / 3


def test_an_output_folder_mirrors_the_source(photos: Path, tmp_path: Path) -> None:
    tree(photos, "a.jpg", "trip/b.png")
    out = tmp_path / "deep" / "out"
    assert make(photos, "-o", out).code == 0
    assert files_below(out) == {"a.jpg", "trip/b.png.jpg"}
    assert files_below(photos) == {"a.jpg", "trip/b.png"}


def test_with_several_sources_each_folder_gets_its_own_in_the_output(tmp_path: Path) -> None:
    tree(tmp_path, "2025/a.jpg", "2026/a.jpg", "single.jpg")
    out = tmp_path / "out"
    run = make("2025", "2026/", "single.jpg", "-o", out, cwd=tmp_path)
    assert run.summary["made"] == 3
    assert files_below(out) == {"2025/a.jpg", "2026/a.jpg", "single.jpg"}


def test_an_output_folder_within_the_source_is_never_scanned(photos: Path) -> None:
    tree(photos, "a.jpg", "sub/b.jpg")
    for made in (2, 0, 0):
        run = make(photos, "-o", photos / "sub" / "small")
        assert run.summary["found"] == 2
        assert run.summary["made"] == made


@pytest.mark.parametrize(
    ("source", "output"),
    [
        ("photos", "photos/."),
        ("photos", "photos/sub/.."),
        ("photos", "link"),
        ("link", "photos"),
        ("photos/../photos", "sideways/to/photos"),
    ],
)
def test_the_output_must_not_be_the_source(
    photos: Path, tmp_path: Path, source: str, output: str
) -> None:
    """However it is spelled."""
    tree(photos, "a.jpg", "sub/b.jpg")
    (tmp_path / "link").symlink_to("photos")
    (tmp_path / "sideways").mkdir()
    (tmp_path / "sideways" / "to").symlink_to("..")
    before = snapshot(photos)
    for command in ("make", "status", "verify"):
        run = thumbnailer(command, source, "-o", output, cwd=tmp_path)
        assert run.code == 2
        assert "is a folder of sources itself" in run.err
    assert snapshot(photos) == before


def test_a_named_file_is_taken_whatever_its_name(photos: Path) -> None:
    upload = picture(photos / "upload.bin", format="PNG")
    assert make(upload).summary["made"] == 1
    assert files_below(photos) == {"upload.bin", "thumbs/upload.bin.jpg"}


def test_no_recursive_stays_in_the_folder(photos: Path) -> None:
    tree(photos, "a.jpg", "trip/b.jpg")
    assert make(photos, "--no-recursive").statuses == {"a.jpg": "made"}


@pytest.mark.parametrize(
    ("options", "found"),
    [
        (["--include", "*.png"], {"b.png"}),
        (["--include", "*.PNG", "--include", "a.*"], {"a.jpg", "b.png"}),
        (["--exclude", "*.jpg"], {"b.png"}),
        (["--exclude", "trip"], {"a.jpg", "b.png"}),
        (["--exclude", "trip/"], {"a.jpg", "b.png"}),
        (["--exclude", "trip/*"], {"a.jpg", "b.png"}),
        (["--exclude", "**/c.jpg"], {"a.jpg", "b.png", "d.jpg"}),
        (["--include", "trip/*"], {"c.jpg", "d.jpg"}),
        (["--include", "**/c.jpg"], {"c.jpg"}),
        (["--include", "*.jpg", "--exclude", "day 2"], {"a.jpg", "c.jpg"}),
    ],
)
@pytest.mark.few(2)
def test_include_and_exclude(photos: Path, options: list[str], found: set[str]) -> None:
    tree(photos, "a.jpg", "b.png", "trip/c.jpg", "trip/day 2/d.jpg")
    run = make(photos, *options, "--dry-run")
    assert set(run.statuses) == found


def test_a_dry_run_writes_nothing_and_says_what_it_would_make(photos: Path) -> None:
    tree(photos, "a.jpg", "b.jpg")
    make(photos)
    picture(photos / "c.jpg")
    before = files_below(photos)
    run = thumbnailer("make", "-n", photos)
    assert run.code == 0
    assert run.out.splitlines()[:2] == [
        f"would be made: {photos}/c.jpg",
        "3 found, 0 made, 2 current, 1 would be made",
    ]
    assert files_below(photos) == before


@pytest.mark.parametrize(
    "options",
    [
        ["-o", "new"],
        ["-o", "deep/new"],
        ["-o", "new", "--layout", "freedesktop"],
        ["-o", "old"],
        ["-s", "16", "-s", "32", "-o", "new"],
        [],
        ["--force"],
    ],
)
def test_a_dry_run_leaves_everything_as_it_was(
    photos: Path, tmp_path: Path, options: list[str]
) -> None:
    """No folder, no ledger, no clean-up either."""
    tree(photos, "a.jpg", "b.jpg", "sub/c.jpg")
    make(photos, "--exclude", "sub")
    make(photos, "-o", "old", cwd=tmp_path)
    for thumbs in (photos / "thumbs", tmp_path / "old"):
        ledger = thumbs / ".thumbnailer"
        lines = ledger.read_bytes().splitlines(keepends=True)
        ledger.write_bytes(b"".join(lines) + lines[-1] * 3000)  # worth to be rewritten
        (thumbs / ".thumbnailer-0123456789abcdef.tmp").touch()
    (photos / "b.jpg").chmod(0o600)
    before = snapshot(tmp_path)
    run = make(photos, *options, "-n", cwd=tmp_path)
    assert run.code == 0
    assert run.summary["found"] == 3
    assert snapshot(tmp_path) == before


def test_lines_for_a_person(photos: Path) -> None:
    tree(photos, "a.jpg")
    (photos / "b.jpg").write_bytes(b"")
    run = thumbnailer("make", photos)
    assert run.code == 3
    assert run.err == f"failed: {photos}/b.jpg: is empty\n"
    assert run.out.startswith("2 found, 1 made, 0 current, 1 failed in ")
    run = thumbnailer("make", photos)
    assert run.out == "2 found, 0 made, 1 current, 1 failed\n"
    assert run.err == (
        f"failed: {photos}/b.jpg: is empty (failed before and has not changed since)\n"
    )


def test_quiet_says_nothing_but_failures(photos: Path) -> None:
    tree(photos, "a.jpg")
    (photos / "b.jpg").write_bytes(b"")
    run = thumbnailer("make", "--quiet", photos)
    assert run.out == ""
    assert run.err == f"failed: {photos}/b.jpg: is empty\n"


def test_quiet_says_nothing_of_what_is_no_failure(photos: Path) -> None:
    tree(photos, "current.jpg", "new.jpg")
    make(photos, "--exclude", "new.jpg")
    (photos / "failed.jpg").write_text("no picture")
    (photos / "skipped.jpg").symlink_to("nowhere")
    picture(photos / "noted.jpg", icc_profile=b"garbage")
    for options in (["--dry-run"], [], []):
        run = thumbnailer("make", "--quiet", "-v", *options, photos)
        assert run.out == ""
        lines = [] if options else ["failed"]
        assert [line.partition(":")[0] for line in run.err.splitlines()] == lines
    loud = thumbnailer("make", "--force", photos)
    said = sorted(line.partition(":")[0] for line in loud.err.splitlines())
    assert said == ["failed", "made", "skipped"]


def test_verbose_has_a_line_for_each_picture(photos: Path) -> None:
    tree(photos, "a.jpg")
    run = thumbnailer("make", "-v", photos)
    assert f"made: {photos}/a.jpg -> {photos}/thumbs/a.jpg (96x64, " in run.out
    assert f"current: {photos}/a.jpg" in thumbnailer("make", "-v", photos).out


def test_names_are_escaped_for_people_and_exact_for_scripts(photos: Path) -> None:
    name = b"new\nline \x1b[31m \xff.jpg"
    with open(os.path.join(os.fsencode(photos), name), "wb"):
        pass
    run = thumbnailer("make", photos)
    assert run.err.splitlines() == [f"failed: {photos}/new\\nline \\x1b[31m \\udcff.jpg: is empty"]
    source = make(photos).rows[0]["source"]
    assert os.fsencode(source) == os.fsencode(photos) + b"/" + name


def test_a_picture_whose_name_starts_with_a_dash(photos: Path) -> None:
    picture(photos / "-rf.jpg")
    assert make("--", "-rf.jpg", cwd=photos).summary["made"] == 1
    assert files_below(photos) == {"-rf.jpg", "thumbs/-rf.jpg"}


def test_an_empty_folder_is_no_error(photos: Path) -> None:
    run = thumbnailer("make", photos)
    assert (run.code, run.out) == (0, "0 found, 0 made, 0 current; nothing to do\n")


def test_a_missing_source_ends_the_run_before_it_starts(photos: Path) -> None:
    tree(photos, "a.jpg")
    run = make(photos, photos / "missing")
    assert run.code == 1
    assert run.err == f"thumbnailer: {photos}/missing: no such file or folder\n"
    assert files_below(photos) == {"a.jpg"}


def test_a_missing_source_is_told_with_what_it_may_have_been(photos: Path) -> None:
    tree(photos, "holiday/a.jpg")
    run = thumbnailer("make", "holidya", cwd=photos)
    complaint = "holidya: no such file or folder; did you mean holiday?"
    assert (run.code, run.err) == (1, f"thumbnailer: {complaint}\n")
    run = thumbnailer("make", photos / "card" / "DCIM")
    assert run.err.endswith(f"/DCIM: no such file or folder; there is no {photos}/card either\n")


def test_sources_may_come_before_and_after_options(photos: Path) -> None:
    tree(photos, "one/a.jpg", "two/b.jpg")
    assert make(photos / "one", "--size", "100", photos / "two").summary["made"] == 2


def test_a_reader_that_goes_away_ends_the_run_without_a_traceback(photos: Path) -> None:
    tree(photos, *(f"{number}.jpg" for number in range(50)))
    with subprocess.Popen(
        [*THUMBNAILER, "make", "--json", photos], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout
        assert process.stderr
        json.loads(process.stdout.readline())
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(60) == 1


@pytest.mark.parametrize("options", [[], ["--json"], ["-v"]])
@pytest.mark.few(1)
def test_output_that_cannot_be_written_is_one_line(photos: Path, options: list[str]) -> None:
    tree(photos, *(f"{number}.jpg" for number in range(20)))
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [*THUMBNAILER, "make", *options, photos],
            stdout=full,
            stderr=subprocess.PIPE,
            timeout=60,
        )
    assert done.returncode == 1
    complaint = b"can't write what there is to say: No space left on device"
    assert done.stderr == b"thumbnailer: " + complaint + b"\n"


@pytest.mark.parametrize("closed", ["<&- >&- 2>&-", ">&-", "2>&-", "<&- >&-"])
@pytest.mark.few(1)
def test_a_service_without_some_stream_does_its_work(photos: Path, closed: str) -> None:
    tree(photos, "a.jpg")
    command = f"{shlex.join([*THUMBNAILER, 'make', str(photos)])} {closed}"
    done = subprocess.run(command, shell=True, timeout=60, stderr=subprocess.PIPE)
    assert (done.returncode, done.stderr) == (0, b"")
    assert (photos / "thumbs" / "a.jpg").exists()


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["make"], "make: a SOURCE is missing"),
        (["make", ".", "--size", "0"], "--size 0: must be 256, "),
        (["make", ".", "--size", "axb"], "--size axb: must be 256, "),
        (["make", ".", "--size", "x"], "--size x: must be 256, "),
        (["make", ".", "--quality", "101"], "--quality 101: must be a whole number from 1 to 100"),
        (["make", ".", "--quality", "good"], "--quality good: must be a whole number"),
        (["make", ".", "--format", "tiff"], '--format tiff: must be "jpeg", "png", "webp"'),
        (["make", ".", "--jobs", "0"], "--jobs 0: must be"),
        (["make", ".", "--timeout", "-1"], "--timeout -1: must be a number of seconds above 0"),
        (["make", ".", "--timeout", "nan"], "--timeout nan: must be"),
        (["make", ".", "--max-pixels", "0"], "--max-pixels 0: must be"),
        (["make", ".", "--output", ""], "--output: is empty; must be the path of a folder"),
        (["make", ".", "--timeout", "1e12"], "--timeout 1e12: must be a number of seconds above 0"),
        (["make", ".", "--include", ""], '--include: is empty; must be a glob such as "*.jpg"'),
        (["make", ".", "--config", ""], "--config: is empty; must be the path of a file"),
        (["make", ".", "--two\nlines"], "there is no option --two\\nlines"),
        (["make", ".", "--fromat=png"], "no option --fromat=png; did you mean --format?"),
        (["make", ".", "--subsam", "4:4:4"], "no option --subsam; did you mean --subsampling?"),
        (["watch", ".", "--resc=9"], "there is no option --resc=9; did you mean --rescan?"),
        (["make", ".", "--siz", "512"], "no option --siz; did you mean --size?"),
        (["make", ".", "--max"], "there is no option --max (see thumbnailer make --help)"),
        (["make", ".", "--no-up"], "there is no option --no-up; did you mean --upscale?"),
        (["--vers"], "there is no option --vers; did you mean --version?"),
        (["make", ".", "--dummy"], "there is no option --dummy (see thumbnailer make --help)"),
        (
            ["make", ".", "--size"],
            "thumbnailer make: --size needs a value (see",
        ),
        (["--verison"], "there is no option --verison; did you mean --version?"),
        (["config", "."], "thumbnailer config: .: takes no such argument"),
        (["completion", "csh"], "invalid choice: 'csh'"),
        (["watch"], "a SOURCE is missing"),
        (["bake", "."], "there is no command bake; did you mean make?"),
        (["mend", "."], "there are make, watch, gallery, prune, "),
    ],
)
@pytest.mark.few(12)
def test_wrong_usage_is_one_line_and_exit_2(
    tmp_path: Path, arguments: list[str], complaint: str
) -> None:
    run = thumbnailer(*arguments, cwd=tmp_path)
    assert run.code == 2
    assert run.out == ""
    assert complaint in run.err
    assert run.err.count("\n") == 1
