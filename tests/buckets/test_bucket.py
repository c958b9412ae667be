"""Pictures and thumbnails in object storage, against a server that answers like S3."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from support.flaky_proxy import interfering
from support.pictures import corners, files_below, picture, tree
from support.program import checked, in_a_process, make, thumbnailer
from support.s3_server import (
    KEY_ID,
    SECRET,
    Storage,
    outcomes,
    photos_in,
    settled,
    statuses,
    statuses_by_path,
)

from thumbnailer import (
    Settings,
    SourceError,
    iter_thumbnails,
    make_thumbnails,
    prune,
)
from thumbnailer.errors import install_hint

pytest.importorskip("obstore", reason="the extra s3 is not installed")

pytestmark = pytest.mark.extra


def test_from_bucket_to_bucket(storage: Storage, tmp_path: Path) -> None:
    photos_in(storage, tmp_path, "photos/a.jpg", "photos/2024/b.png", "photos/2024/c.jpg")
    with storage.counted() as count:
        run = make(f"{storage.url}/photos", "--output", f"{storage.url}/thumbs", "--size", "32")
    assert run.err == ""
    assert run.statuses == {"a.jpg": "made", "b.png": "made", "c.jpg": "made"}
    assert storage.keys("thumbs/") == ["thumbs/2024/b.png.jpg", "thumbs/2024/c.jpg", "thumbs/a.jpg"]
    with Image.open(io.BytesIO(storage.get("thumbs/2024/b.png.jpg"))) as thumbnail:
        assert thumbnail.size == (32, 21)
        assert corners(thumbnail) == ["red", "lime", "blue", "white"]
    assert count == {"LIST": 2, "GET": 3, "PUT": 3, "PUT mark": 2}


def test_what_is_current_costs_two_listings(storage: Storage, tmp_path: Path) -> None:
    photos_in(storage, tmp_path, *(f"photos/{n}.png" for n in range(20)))
    settled()
    places = f"{storage.url}/photos", f"{storage.url}/thumbs"
    statuses(*places)
    with storage.counted() as count:
        assert set(statuses(*places).values()) == {"current"}
    assert count == {"LIST": 2}


def test_a_folder_for_each_picture_costs_listings_only_once_they_are_made(
    storage: Storage, tmp_path: Path
) -> None:
    photos_in(storage, tmp_path, *(f"photos/{n}/a.png" for n in range(20)))
    settled()
    places = f"{storage.url}/photos", f"{storage.url}/thumbs"
    for size in (256, 64):
        with storage.counted() as count:
            assert list(statuses_by_path(*places, size=size).values()) == ["made"] * 20
        assert count["PUT mark"] == 20
        assert (count["GET"], count["PUT"], count["GET mark"]) == (20, 20, 0)
        settled()
        with storage.counted() as count:
            assert list(statuses_by_path(*places, size=size).values()) == ["current"] * 20
        assert set(count) == {"LIST"}
        assert len(storage.marks("thumbs/")) == 20, "those of earlier settings are deleted"


def test_settings_that_come_back_make_all_again(storage: Storage, tmp_path: Path) -> None:
    photos_in(storage, tmp_path, "photos/a.jpg", "photos/2024/b.jpg")
    settled()
    places = f"{storage.url}/photos", f"{storage.url}/thumbs"
    for size in (64, 32, 64):
        assert set(statuses(*places, size=size).values()) == {"made"}
        with Image.open(io.BytesIO(storage.get("thumbs/a.jpg"))) as thumbnail:
            assert max(thumbnail.size) == size
        assert set(statuses(*places, size=size).values()) == {"current"}


def test_of_two_marks_of_one_second_none_counts(storage: Storage, tmp_path: Path) -> None:
    """Two runs with other settings may have put them: whose a thumbnail is is not known."""
    photos_in(storage, tmp_path, "photos/a.jpg")
    settled()
    places = f"{storage.url}/photos", f"{storage.url}/thumbs"
    statuses(*places)
    (mark,) = storage.marks("thumbs/")
    for _ in range(20):
        storage.put(mark, b"")
        storage.put(f"thumbs/.thumbnailer-looks/{'0' * 32}-0", b"")
        storage.put("thumbs/a.jpg", b"of one of them")
        times = {storage.head(key)["LastModified"] for key in storage.marks("thumbs/")}
        if len(times) == 1:
            break
    else:
        pytest.skip("never within one second")
    settled()
    storage.put("thumbs/a.jpg", b"of one of them")
    assert statuses(*places) == {"a.jpg": "made"}
    assert len(storage.marks("thumbs/")) == 1


@pytest.mark.parametrize("settings", [{}, {"size": 64}])
def test_the_mark_of_an_earlier_version_still_counts(
    storage: Storage, tmp_path: Path, settings: dict[str, Any]
) -> None:
    """Its content named the settings, and when the folder was first marked if that was earlier."""
    photos_in(storage, tmp_path, "photos/a.jpg", "photos/b.jpg")
    settled()
    places = f"{storage.url}/photos", f"{storage.url}/thumbs"
    statuses(*places, **settings)
    (mark,) = storage.marks("thumbs/")
    storage.delete(mark)
    looks = Settings(**settings).recipes[""].fingerprint
    content = {"thumbnailer": 1, "looks": looks, "ours": 1 if settings else 0}
    storage.put("thumbs/.thumbnailer", json.dumps(content).encode())
    for name in ("a.jpg", "b.jpg"):
        storage.put(f"thumbs/{name}", storage.get(f"thumbs/{name}"))
    assert set(statuses(*places, **settings).values()) == {"current"}
    with pytest.raises(SourceError, match="is a folder of thumbnails"):
        make_thumbnails(places[1], output=tmp_path / "t")
    storage.delete("thumbs/b.jpg")
    assert statuses(*places, **settings) == {"a.jpg": "current", "b.jpg": "made"}
    assert set(statuses(*places, size=32).values()) == {"made"}
    assert set(statuses(*places, size=32).values()) == {"current"}
    with pytest.raises(SourceError, match="is a folder of thumbnails"):
        make_thumbnails(places[1], output=tmp_path / "t")


@pytest.mark.slow
def test_a_changed_picture_is_made_again(storage: Storage, tmp_path: Path) -> None:
    photos_in(storage, tmp_path, "photos/a.jpg", "photos/b.jpg")
    settled()
    places = f"{storage.url}/photos", f"{storage.url}/thumbs"
    statuses(*places)
    settled()
    storage.put("photos/b.jpg", storage.get("photos/b.jpg"))
    settled()
    assert statuses(*places) == {"a.jpg": "current", "b.jpg": "made"}
    assert statuses(*places) == {"a.jpg": "current", "b.jpg": "current"}


def test_a_picture_that_changed_in_the_second_of_its_thumbnail_is_made_again(
    storage: Storage, tmp_path: Path
) -> None:
    """Times have whole seconds: which of the two was later can't be told."""
    places = f"{storage.url}/photos", f"{storage.url}/thumbs"
    for side in range(40, 60):
        photos_in(storage, tmp_path, "photos/a.jpg")
        assert statuses(*places) == {"a.jpg": "made"}
        data = io.BytesIO()
        Image.new("RGB", (side, side)).save(data, "jpeg")
        storage.put("photos/a.jpg", data.getvalue())
        heads = [storage.head(key) for key in ("photos/a.jpg", "thumbs/a.jpg")]
        if heads[0]["LastModified"] == heads[1]["LastModified"]:
            break
    else:
        pytest.skip("never within one second")
    assert statuses(*places) == {"a.jpg": "made"}
    with Image.open(io.BytesIO(storage.get("thumbs/a.jpg"))) as thumbnail:
        assert thumbnail.size == (side, side)


def test_content_that_takes_too_much_of_a_worker_is_not_fetched(
    storage: Storage, tmp_path: Path
) -> None:
    """It is held twice on its way, and then decoded."""
    photos_in(storage, tmp_path, "photos/a.jpg")
    with Image.open(io.BytesIO(storage.get("photos/a.jpg"))) as image:
        data = io.BytesIO()
        image.save(data, "jpeg")
    storage.put("photos/b.jpg", data.getvalue() + bytes(9 << 20))
    places = f"{storage.url}/photos", f"{storage.url}/thumbs"
    with storage.counted() as count:
        made = outcomes(*places, worker_memory=32)
    assert made["a.jpg"].status == "made"
    error = made["b.jpg"].error
    assert error
    assert error.stage == "limits"
    assert error.reason == "9 MiB of data, more than the limit of 8 (a quarter of worker_memory)"
    assert count["GET"] == 1
    assert outcomes(*places, worker_memory=64)["b.jpg"].status == "made"


@pytest.mark.slow
def test_other_settings_make_all_again(storage: Storage, tmp_path: Path) -> None:
    photos_in(storage, tmp_path, "photos/a.jpg", "photos/2024/b.jpg")
    settled()
    places = f"{storage.url}/photos", f"{storage.url}/thumbs"
    statuses(*places)
    assert statuses(*places, size=64) == {"a.jpg": "made", "b.jpg": "made"}
    assert statuses(*places, size=64) == {"a.jpg": "current", "b.jpg": "current"}
    storage.delete("thumbs/a.jpg")
    assert statuses(*places, size=64) == {"a.jpg": "made", "b.jpg": "current"}


def test_pages_of_a_folder_for_each_picture_are_requested_side_by_side(
    storage: Storage, tmp_path: Path
) -> None:
    data = picture(tmp_path / "a.jpg").read_bytes()
    for n in range(900):
        storage.put(f"photos/{n:03}/a.jpg", data)
    settled()
    places = f"{storage.url}/photos", f"{storage.url}/thumbs"
    make(places[0], "--output", places[1], "--size", "8")
    begun, count = list[float](), Counter[str]()

    def mood(*_: str) -> str:
        begun.append(time.monotonic())
        time.sleep(1)
        return ""

    with interfering(storage.endpoint, mood, count=count) as endpoint:
        run = make(places[0], "--output", places[1], "--size", "8", "--endpoint", endpoint)
    assert run.summary["current"] == 900
    assert count == {"LIST": 3}
    of_pictures, first, second = begun
    assert second - first < 0.5 < first - of_pictures

    def refusal(_: str, target: str) -> str:
        return "denied" if "start-after" in target else ""

    with interfering(storage.endpoint, refusal) as endpoint:
        run = make(places[0], "--output", places[1], "--size", "8", "--endpoint", endpoint)
    assert run.summary["current"] == 900


@pytest.mark.skipif(sys.platform != "linux", reason="names files by bytes")
def test_names_that_no_key_can_have_fail_alone_among_many(storage: Storage, tmp_path: Path) -> None:
    for n in range(600):
        tree(tmp_path / "photos", f"{n:03}\udcff/a.jpg")
    tree(tmp_path / "photos", "good/a.jpg")
    settled()
    for status in ("made", "current"):
        run = make(tmp_path / "photos", "--output", f"{storage.url}/thumbs", "--size", "8")
        assert (run.code, run.summary[status], run.summary["failed"]) == (3, 1, 600)


def test_what_comes_between_the_call_and_the_first_thumbnail_is_found(
    storage: Storage, tmp_path: Path
) -> None:
    photos_in(storage, tmp_path, "photos/a.jpg")
    outcomes = iter_thumbnails(f"{storage.url}/photos", output=tmp_path / "thumbs")
    time.sleep(5.1)
    photos_in(storage, tmp_path, "photos/b.jpg")
    assert {one.source.path[-5:] for one in outcomes} == {"a.jpg", "b.jpg"}


def test_from_bucket_to_folder(storage: Storage, tmp_path: Path) -> None:
    photos_in(storage, tmp_path, "photos/a.jpg", "photos/2024/b.png")
    places = f"{storage.url}/photos", tmp_path / "thumbs"
    with storage.counted() as count:
        assert statuses(*places) == {"a.jpg": "made", "b.png": "made"}
    assert files_below(tmp_path / "thumbs") == {"a.jpg", "2024/b.png.jpg"}
    assert count == {"LIST": 1, "GET": 2}
    with storage.counted() as count:
        assert statuses(*places) == {"a.jpg": "current", "b.png": "current"}
    assert count == {"LIST": 1}
    # Other content of the same length, perhaps in the same second.
    storage.put("photos/a.jpg", storage.get("photos/a.jpg")[:-1] + b"\0")
    assert statuses(*places)["a.jpg"] != "current"


def test_pruning_keeps_what_was_made_of_a_bucket(storage: Storage, tmp_path: Path) -> None:
    photos_in(storage, tmp_path, "photos/a.jpg")
    thumbs = tmp_path / "here" / "thumbs"
    statuses(f"{storage.url}/photos", thumbs)
    report = prune(tmp_path / "here", output=thumbs, yes=True)
    assert (report.removed, files_below(tmp_path / "here")) == (0, {"thumbs/a.jpg"})


def test_from_folder_to_bucket(storage: Storage, photos: Path) -> None:
    tree(photos, "a.jpg", "2024/b.png", "2024/c.jpg", "Z.png")
    for path in photos.rglob("*.*"):
        os.utime(path, (1e9, 1e9))
    with storage.counted() as count:
        assert set(statuses(photos, storage.url).values()) == {"made"}
    assert storage.keys() == ["2024/b.png.jpg", "2024/c.jpg", "Z.png.jpg", "a.jpg"]
    assert (count["GET"], count["PUT"], count["HEAD"], count["multipart"]) == (0, 4, 0, 0)
    assert set(statuses(photos, storage.url).values()) == {"current"}


def test_several_sizes_are_folders(storage: Storage, tmp_path: Path) -> None:
    photos_in(storage, tmp_path, "a.jpg")
    with storage.counted() as count:
        made = outcomes(storage.url, f"{storage.url}/thumbs", size=["64", "32"])["a.jpg"]
    assert [one.width for one in made.thumbnails] == [64, 32]
    assert storage.keys("thumbs/") == ["thumbs/32/a.jpg", "thumbs/64/a.jpg"]
    assert (count["GET"], count["PUT"]) == (1, 2)


@pytest.mark.slow
def test_thumbnails_among_the_pictures_are_left_out(storage: Storage, tmp_path: Path) -> None:
    photos_in(storage, tmp_path, "a.jpg", "sub/b.jpg")
    statuses(storage.url, f"{storage.url}/first")
    # Neither its own, which the output names, nor those of another run, which their mark tells.
    for _ in range(2):
        assert set(statuses(storage.url, f"{storage.url}/sub/second")) == {"a.jpg", "b.jpg"}


def test_what_failed_is_not_fetched_again(storage: Storage, tmp_path: Path) -> None:
    photos_in(storage, tmp_path, "photos/a.jpg")
    storage.put("photos/bad.jpg", b"no picture at all, but a text")
    storage.put("photos/empty.jpg", b"")
    settled()
    places = f"{storage.url}/photos", f"{storage.url}/thumbs"
    before = statuses(*places)
    assert before == {"a.jpg": "made", "bad.jpg": "failed", "empty.jpg": "failed"}
    with storage.counted() as count:
        again = outcomes(*places)
    assert count == {"LIST": 2}
    assert {name: outcome.status for name, outcome in again.items()} == before | {
        "a.jpg": "current"
    }
    error = again["bad.jpg"].error
    assert error
    assert error.stage == "open"
    assert error.reason == "is text, no picture (failed before and has not changed since)"
    with storage.counted() as count:
        statuses(*places, retry_failed=True)
    assert count["GET"] == 1  # nobody asks for what is empty
    photos_in(storage, tmp_path, "photos/bad.jpg")
    assert statuses(*places)["bad.jpg"] == "made"
    assert len(storage.records("thumbs/")) == 1


@pytest.mark.slow
def test_a_truncated_picture_that_was_kept_counts_only_where_it_may(
    storage: Storage, tmp_path: Path
) -> None:
    photos_in(storage, tmp_path, "photos/a.jpg")
    data = picture(tmp_path / "large.jpg", (960, 640)).read_bytes()
    storage.put("photos/a.jpg", data[: len(data) // 2])
    settled()
    places = f"{storage.url}/photos", f"{storage.url}/thumbs"
    made = outcomes(*places, truncated="keep")["a.jpg"]
    assert made.status == "made"
    assert made.note.startswith("truncated")
    again = outcomes(*places, truncated="keep")["a.jpg"]
    assert (again.status, again.note) == ("current", made.note)
    assert statuses(*places) == {"a.jpg": "failed"}


@pytest.mark.slow
def test_etags_are_verified_where_that_is_asked_for(storage: Storage, tmp_path: Path) -> None:
    photos_in(storage, tmp_path, "photos/a.jpg", "photos/b.jpg")
    settled()
    places = f"{storage.url}/photos", f"{storage.url}/thumbs"
    statuses(*places)
    # As if the source had changed without becoming younger than its thumbnail.
    storage.client.put_object(
        Bucket=storage.name,
        Key="thumbs/b.jpg",
        Body=storage.get("thumbs/b.jpg"),
        Metadata={"thumbnailer-source": "of something else"},
    )
    assert statuses(*places) == {"a.jpg": "current", "b.jpg": "current"}
    with storage.counted() as count:
        assert statuses(*places, verify_etag=True) == {"a.jpg": "current", "b.jpg": "made"}
    assert count["HEAD"] == 2
    assert statuses(*places, verify_etag=True) == {"a.jpg": "current", "b.jpg": "current"}


def test_what_earlier_versions_have_noted_of_a_source_still_counts(
    storage: Storage, tmp_path: Path
) -> None:
    photos_in(storage, tmp_path, "photos/a.jpg")
    settled()
    places = f"{storage.url}/photos", f"{storage.url}/thumbs"
    statuses(*places)
    metadata = storage.head("thumbs/a.jpg")["Metadata"]
    assert all(map(str.isalnum, metadata)), "Azure takes no other names"
    version = metadata["thumbnailersource"]
    storage.client.put_object(
        Bucket=storage.name,
        Key="thumbs/a.jpg",
        Body=storage.get("thumbs/a.jpg"),
        Metadata={"thumbnailer-source": version},
    )
    assert statuses(*places, verify_etag=True) == {"a.jpg": "current"}


@pytest.mark.parametrize(("format", "mime"), [("jpeg", "image/jpeg"), ("webp", "image/webp")])
def test_browsers_know_what_thumbnails_are(
    storage: Storage, tmp_path: Path, format: str, mime: str
) -> None:
    photos_in(storage, tmp_path, "a.jpg")
    statuses(storage.url, f"{storage.url}/thumbs", format=format)
    (key,) = storage.keys("thumbs/")
    assert storage.head(key)["ContentType"] == mime


@pytest.mark.slow
def test_what_is_not_ours_is_not_overwritten(storage: Storage, tmp_path: Path) -> None:
    photos_in(storage, tmp_path, "photos/a.jpg", "photos/b.jpg", "mine/a.jpg")
    mine = storage.get("mine/a.jpg")
    for size in (256, 256, 64):
        settled()
        found = outcomes(f"{storage.url}/photos", f"{storage.url}/mine", size=size)
        error = found["a.jpg"].error
        assert error
        assert error.reason.endswith("is in the way: it was not made by thumbnailer")
        assert storage.get("mine/a.jpg") == mine


def test_two_sources_with_one_thumbnail(storage: Storage, tmp_path: Path) -> None:
    photos_in(storage, tmp_path, "a.png", "a.png.jpg")
    found = statuses(storage.url, f"{storage.url}/thumbs")
    assert found == {"a.png": "made", "a.png.jpg": "failed"}


@pytest.mark.slow
def test_format_auto_has_one_thumbnail_only(storage: Storage, tmp_path: Path) -> None:
    photos_in(storage, tmp_path, "photos/a.png")
    settled()
    places = f"{storage.url}/photos", f"{storage.url}/t"
    statuses(*places, format="auto")
    assert storage.keys("t/") == ["t/a.png.jpg"]
    assert statuses(*places, format="auto") == {"a.png": "current"}
    Image.new("RGBA", (40, 40), (255, 0, 0, 10)).save(tmp_path / "clear.png")
    storage.put("photos/a.png", (tmp_path / "clear.png").read_bytes())
    assert statuses(*places, format="auto") == {"a.png": "made"}
    assert storage.keys("t/") == ["t/a.png"]


def test_odd_keys_spoil_nothing(storage: Storage, tmp_path: Path) -> None:
    data = picture(tmp_path / "a.jpg").read_bytes()
    long = "a/" + "long" * 100 + ".png"
    odd = ("a//b.jpg", "a/../../c.jpg", "a/d é #%20?+.jpg", "a/dir.jpg/", "a/z.jpg", "\x01.jpg")
    for key in odd:
        storage.put(key, data)
    found = statuses(storage.url, tmp_path / "thumbs")
    assert found["z.jpg"] == found["d é #%20?+.jpg"] == "made"
    assert found["c.jpg"] == found["b.jpg"] == "skipped"
    assert files_below(tmp_path) == {"a.jpg", "thumbs/a/z.jpg", "thumbs/a/d é #%20?+.jpg"}
    storage.put(long, data)
    statuses(storage.url, f"{storage.url}/thumbs")
    assert f"thumbs/{long}.jpg" in storage.keys("thumbs/")


@pytest.mark.slow
def test_the_choice_of_pictures(storage: Storage, tmp_path: Path) -> None:
    photos_in(storage, tmp_path, "a.jpg", "b.png", "x/c.jpg", ".hidden/d.jpg", "private/e.jpg")

    def found(**choice: Any) -> list[str]:
        return sorted(statuses(storage.url, tmp_path / "t", dry_run=True, **choice))

    assert found() == ["a.jpg", "b.png", "c.jpg", "e.jpg"]
    assert found(recursive=False) == ["a.jpg", "b.png"]
    assert found(include=["*.jpg"], exclude=["private"]) == ["a.jpg", "c.jpg"]
    photos_in(storage, tmp_path, "x/private/f.jpg")
    assert found(exclude=["/private", "x/**/c.jpg"]) == ["a.jpg", "b.png", "f.jpg"]
    globs: Any = {"include": ["*.gif", "*.jpg"], "exclude": ["privat", ".hidden", "x/private"]}
    report = make_thumbnails(storage.url, output=tmp_path / "t", dry_run=True, **globs)
    assert report.notes == [
        "--include '*.gif' matched nothing",
        "--exclude 'privat' matched nothing",
    ]


def test_a_dry_run_asks_for_listings_only(storage: Storage, tmp_path: Path) -> None:
    photos_in(storage, tmp_path, "photos/a.jpg")
    with storage.counted() as count:
        report = make_thumbnails(
            f"{storage.url}/photos", output=f"{storage.url}/thumbs", dry_run=True
        )
    assert report.skipped == 1
    assert set(count) == {"LIST"}


def test_a_list_of_urls(storage: Storage, tmp_path: Path) -> None:
    photos_in(storage, tmp_path, "photos/a.jpg", "photos/b.jpg")
    urls = [f"{storage.url}/photos/b.jpg", f"{storage.url}/nothing", f"{storage.url}/photos/a.jpg"]
    found = {
        os.path.basename(outcome.source.path): outcome
        for outcome in iter_thumbnails(urls, output=f"{storage.url}/thumbs", size=32)
    }
    assert {name: outcome.status for name, outcome in found.items()} == {
        "a.jpg": "made",
        "b.jpg": "made",
        "nothing": "failed",
    }
    assert found["a.jpg"].thumbnails[0].path == f"{storage.url}/thumbs/a.jpg"


@pytest.mark.few(2)
@pytest.mark.parametrize(
    ("source", "output", "reason", "code"),
    [
        ("s3://no-such-bucket-here", "s3://{name}/t", "there is no such bucket", 1),
        ("s3://{name}/nothing", "s3://{name}/t", "nothing is there", 1),
        ("s3://{name}/photos", "s3://no-such-bucket-here/t", "there is no such bucket", 1),
        ("s3://{name}/photos", "", "need an output", 2),
        ("s3://", "t", "a bucket is named as", 2),
        ("s3://key:secret@bucket/photos", "t", "a bucket is named as", 2),
        ("s3://{name}/photos", "s3://{name}/photos", "is a folder of sources itself", 2),
    ],
)
def test_what_can_not_be_used_is_one_line(
    storage: Storage, tmp_path: Path, source: str, output: str, reason: str, code: int
) -> None:
    photos_in(storage, tmp_path, "photos/a.jpg")
    to = ["--output", output.format(name=storage.name)] if output else []
    run = thumbnailer("make", source.format(name=storage.name), *to, cwd=tmp_path)
    assert run.code == code
    assert run.err.count("\n") == 1
    assert reason in run.err
    assert "either" not in run.err
    assert "secret" not in run.err


@pytest.mark.slow
def test_two_runs_at_once_do_not_disturb_each_other(storage: Storage, tmp_path: Path) -> None:
    photos_in(storage, tmp_path, *(f"photos/{n}.jpg" for n in range(40)))
    settled()
    places = f"{storage.url}/photos", f"{storage.url}/thumbs"
    words = "make", "--json", places[0], "--output", places[1]
    with ThreadPoolExecutor() as threads:
        runs = [checked(run) for run in threads.map(lambda _: in_a_process(*words), range(2))]
    assert [run.code for run in runs] == [0, 0]
    assert {*runs[0].statuses.values(), *runs[1].statuses.values()} <= {"made", "current"}
    assert len(storage.keys("thumbs/")) == 40
    assert set(statuses(*places).values()) == {"current"}


@pytest.mark.slow
def test_no_credential_is_ever_shown(storage: Storage, tmp_path: Path) -> None:
    photos_in(storage, tmp_path, "photos/a.jpg")
    storage.put("photos/bad.jpg", b"text")
    said = ""
    for source, output in (
        (f"{storage.url}/photos", f"{storage.url}/thumbs"),
        ("s3://no-such-bucket-here", f"{storage.url}/thumbs"),
        (f"{storage.url}/photos", "s3://no-such-bucket-here/thumbs"),
    ):
        for voice in ("-v", "--json"):
            run = thumbnailer("make", source, "--output", output, voice)
            said += run.out + run.err
    for secret in (KEY_ID, SECRET, "Signature", "AWSAccessKeyId", "Authorization"):
        assert secret not in said
    assert "there is no such bucket" in said


def test_without_the_extra_one_line_names_it() -> None:
    words = ["make", "s3://bucket/photos", "--output", "s3://bucket/thumbs"]
    script = "import sys; sys.modules['obstore'] = None; from thumbnailer.cli.main import main; "
    done = subprocess.run(
        [sys.executable, "-c", f"{script}sys.exit(main({words}))"], capture_output=True, text=True
    )
    assert done.returncode == 2
    assert done.stderr == f"thumbnailer: s3://bucket: needs {install_hint('s3')}\n"
