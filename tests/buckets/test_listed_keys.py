"""`thumbnailer make --files-from`: a list of keys in a bucket, as of a queue of uploads."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from support.listing import listing
from support.pictures import files_below, picture
from support.program import Run, make
from support.s3_server import Storage, photos_in

from thumbnailer import iter_thumbnails

PHOTOS = "uploads/1/photo.jpg", "uploads/2/photo.jpg", "uploads/3/a b+c.jpg"


def make_of(lines: list[str], *arguments: str | Path, cwd: Path) -> Run:
    (cwd / "list").write_text("\n".join(lines))
    return make("--files-from", "list", *arguments, cwd=cwd)


def test_keys_below_a_source_go_where_its_scan_puts_them(storage: Storage, tmp_path: Path) -> None:
    photos_in(storage, tmp_path, *PHOTOS)
    source, output = f"{storage.url}/uploads/", f"{storage.url}/thumbs"
    lines = ["1/photo.jpg", f"{storage.url}/uploads/2/photo.jpg", "3/a b+c.jpg"]
    run = make_of(lines, source, "-o", output, cwd=tmp_path)
    assert (run.code, run.summary["made"]) == (0, 3)
    assert storage.keys("thumbs/") == [
        "thumbs/1/photo.jpg",
        "thumbs/2/photo.jpg",
        "thumbs/3/a b+c.jpg",
    ]
    local = make_of(lines, source, "-o", "out", cwd=tmp_path)
    assert local.code == 0
    assert files_below(tmp_path / "out") == {"1/photo.jpg", "2/photo.jpg", "3/a b+c.jpg"}
    with storage.counted() as count:
        assert make_of(lines[:1], source, "-o", "out", cwd=tmp_path).summary["current"] == 1
    assert (count["HEAD"], count["GET"]) == (1, 0)


def test_without_a_source_each_goes_where_it_goes_alone(storage: Storage, tmp_path: Path) -> None:
    photos_in(storage, tmp_path, *PHOTOS)
    urls = [f"{storage.url}/{key}" for key in PHOTOS]
    run = make_of(urls, "-o", "out", cwd=tmp_path)
    assert run.code == 3
    assert files_below(tmp_path / "out") == {"a b+c.jpg", "photo.jpg"}
    (failed,) = [row["error"]["reason"] for row in run.rows if row["error"]]
    assert failed.endswith(f"is already the thumbnail of {urls[0]}")


def test_an_output_in_a_bucket_needs_a_source(storage: Storage, tmp_path: Path) -> None:
    photos_in(storage, tmp_path, *PHOTOS)
    run = make_of([f"{storage.url}/{PHOTOS[0]}"], "-o", f"{storage.url}/thumbs", cwd=tmp_path)
    assert (run.code, run.out, run.err.count("\n")) == (2, "", 1)
    assert "a list needs a SOURCE if the output is in a bucket" in run.err
    assert storage.keys("thumbs/") == []


def test_a_key_keeps_its_picture_though_others_would_have_the_same(
    storage: Storage, tmp_path: Path
) -> None:
    photos_in(storage, tmp_path, *PHOTOS)
    one, same_name, other = (f"{storage.url}/{key}" for key in PHOTOS)
    found = iter_thumbnails(iter([one, other, other, same_name]), output=f"{storage.url}/thumbs")
    outcomes = [*found]
    reasons = {str(one.source): one.error.reason for one in outcomes if one.error}
    assert [*reasons] == [same_name]
    assert reasons[same_name].endswith(f"is already the thumbnail of {one}")
    assert [outcome.status for outcome in outcomes].count("failed") == 1


@pytest.mark.slow
def test_a_key_is_made_at_once_while_the_list_stays_open(storage: Storage, tmp_path: Path) -> None:
    photos_in(storage, tmp_path, *PHOTOS)
    for side, output in ((40, f"{storage.url}/thumbs"), (41, "out")):
        options = ["--output", output]
        with listing(f"{storage.url}/uploads", *options, cwd=tmp_path) as run:
            run.write("1/photo.jpg\n")
            assert run.row()["status"] == "made"  # the first connects, and starts workers
            for key in ("2/photo.jpg", "3/a b+c.jpg"):
                started = time.monotonic()
                run.write(f"{key}\n")
                row = run.row()
                assert (row["source"], row["status"]) == (f"{storage.url}/uploads/{key}", "made")
                assert time.monotonic() - started < 2
            storage.put(
                "uploads/1/photo.jpg", picture(tmp_path / f"{side}.jpg", (9, side)).read_bytes()
            )
            run.write("1/photo.jpg\n")
            assert run.row()["status"] == "made", output
            assert run.close() == 0


def test_lines_that_name_no_picture_fail_for_themselves(storage: Storage, tmp_path: Path) -> None:
    photos_in(storage, tmp_path, "uploads/1/photo.jpg", "other/a.jpg")
    lines = ["none.jpg", "1//photo.jpg", f"{storage.url}/other/a.jpg", "none/", "/1/photo.jpg"]
    lines += ["s3://none-of-ours/uploads/a.jpg", "1/photo.jpg"]
    run = make_of(lines, f"{storage.url}/uploads", "-o", "out", cwd=tmp_path)
    assert (run.code, run.summary["made"], run.summary["failed"]) == (3, 1, 6)
    reasons = {row["source"]: row["error"]["reason"] for row in run.rows if row["error"]}
    assert reasons[f"{storage.url}/uploads/1//photo.jpg"] == "its key is no proper path"
    assert reasons[f"{storage.url}/uploads/none/"] == "nothing is there"
    assert reasons[f"{storage.url}/other/a.jpg"] == "is in none of the SOURCEs"


def test_what_a_scan_would_leave_out_is_passed_over(storage: Storage, tmp_path: Path) -> None:
    keys = ["1/a.jpg", ".hidden/b.jpg", "private/c.jpg", "1/notes.txt"]
    photos_in(storage, tmp_path, *(f"uploads/{key}" for key in keys[:3]))
    storage.put("uploads/1/notes.txt", b"text")
    options = (f"{storage.url}/uploads", "-o", "out", "--exclude", "private")
    run = make_of([*keys, ".hidden/", "private/"], *options, cwd=tmp_path)
    assert (run.code, run.statuses) == (0, {"a.jpg": "made"})


def test_a_folder_has_a_slash_at_its_end(storage: Storage, tmp_path: Path) -> None:
    photos_in(storage, tmp_path, "uploads/1/a.jpg", "uploads/1/deep/b.jpg", "uploads/2/a.jpg")
    run = make_of(["1/"], f"{storage.url}/uploads", "-o", "out", cwd=tmp_path)
    assert (run.code, files_below(tmp_path / "out")) == (0, {"1/a.jpg", "1/deep/b.jpg"})


def test_keys_without_an_ending_are_taken_by_content(storage: Storage, tmp_path: Path) -> None:
    storage.put("uploads/xtapjj", picture(tmp_path / "a.jpg").read_bytes())
    output = ("-o", "out", "--by-content")
    run = make_of(["xtapjj", "none"], f"{storage.url}/uploads", *output, cwd=tmp_path)
    assert run.statuses == {"xtapjj": "made", "none": "failed"}
    run = make_of([f"{storage.url}/uploads/xtapjj"], *output, cwd=tmp_path)
    assert run.statuses == {"xtapjj": "current"}


@pytest.mark.parametrize("source", ["", "uploads"])
def test_thumbnails_have_no_thumbnails_though_whatever_is_put_is_named(
    storage: Storage, tmp_path: Path, source: str
) -> None:
    photos_in(storage, tmp_path, "uploads/1/a.jpg")
    for output in ("thumbs", "uploads/small"):
        places = (f"{storage.url}/{source}", "-o", f"{storage.url}/{output}")
        lines = [f"{storage.url}/{key}" for key in storage.keys(source)]
        assert make_of(lines, *places, cwd=tmp_path).summary["found"] == 1
        lines = [f"{storage.url}/{key}" for key in storage.keys(source)]
        assert make_of(lines, *places, cwd=tmp_path).summary["found"] == 1
