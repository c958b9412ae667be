"""A watch where pictures or thumbnails are in a bucket: by listings alone."""

from __future__ import annotations

import io
import json
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from support.bucket_watching import watched
from support.flaky_proxy import Target, interfering
from support.pictures import picture
from support.places import WITH_BUCKETS, Places, places_of
from support.processes import Started
from support.program import thumbnailer
from support.s3_server import Storage, settled
from support.watching import await_event, events, failed, rows, soon, watching

from thumbnailer import ConfigError, watch

pytest.importorskip("obstore", reason="the extra s3 is not installed")

pytestmark = pytest.mark.extra

NAMES = ("a.jpg", "2024/b.png", "2024/c.jpg", "d/d.jpg", "e.jpg")
THUMBS = ["2024/b.png.jpg", "2024/c.jpg", "a.jpg", "d/d.jpg", "e.jpg"]


@pytest.fixture(params=WITH_BUCKETS)
def places(request: pytest.FixtureRequest, storage: Storage, tmp_path: Path) -> Places:
    found = places_of(request.param, storage, tmp_path)
    found.put(*NAMES)
    settled()
    return found


def test_thumbnails_follow_pictures(places: Places) -> None:
    with watched(places) as watch:
        watch.until(lambda: places.thumbs.names() == THUMBS)
        settled()
        places.put("f/new.png")
        places.photos.put("a.jpg", (places.samples / "f/new.png").read_bytes())
        places.photos.remove("2024/b.png")
        left = ["2024/c.jpg", "a.jpg", "d/d.jpg", "e.jpg", "f/new.png.jpg"]
        watch.until(lambda: places.thumbs.names() == left)
        watch.until(lambda: watch.statuses()["a.jpg", "made"] >= 2)
    assert watch.statuses()["new.png", "made"] >= 1
    assert watch.statuses()["b.png", "removed"] == 1
    assert watch.statuses()["e.jpg", "made"] == 1
    assert "failed" not in {status for _, status in watch.statuses()}


def test_a_name_passes_to_the_picture_that_takes_another_s_place(places: Places) -> None:
    with watched(places, name="{stem}", size=48) as watch:
        named = ["2024/b.jpg", "2024/c.jpg", "a.jpg", "d/d.jpg", "e.jpg"]
        watch.until(lambda: places.thumbs.names() == named)
        settled()
        tall = picture(places.samples / "tall.jpg", (10, 40)).read_bytes()
        places.photos.put("2024/b.jpg", tall)
        places.photos.remove("2024/b.png")
        watch.until(lambda: watch.statuses()["b.jpg", "made"])
        assert watch.statuses()["b.png", "made"] == 1
    with Image.open(io.BytesIO(places.thumbs.get("2024/b.jpg"))) as thumbnail:
        assert thumbnail.size == (10, 40)


def test_of_two_of_one_name_the_second_has_it_once_the_first_is_gone(places: Places) -> None:
    """Though it is older than the thumbnail that is there, which is not its own."""
    tall = picture(places.samples / "tall.jpg", (10, 40)).read_bytes()
    places.photos.put("2024/b.jpg", tall)
    settled()
    with watched(places, name="{stem}", size=48) as watch:
        watch.until(lambda: watch.statuses()["b.jpg", "made"])
        watch.until(lambda: watch.statuses()["b.png", "failed"])
        places.photos.remove("2024/b.jpg")
        watch.until(lambda: watch.statuses()["b.png", "made"])
    with Image.open(io.BytesIO(places.thumbs.get("2024/b.jpg"))) as thumbnail:
        assert thumbnail.size == (48, 32)


def test_what_fails_is_told_once_and_tried_again_when_it_changes(places: Places) -> None:
    places.photos.put("bad.jpg", b"no picture")
    with watched(places) as watch:
        watch.until(lambda: watch.statuses()["bad.jpg", "failed"])
        watch.until(lambda: places.thumbs.names() == THUMBS)
        time.sleep(1.5)
        assert watch.statuses()["bad.jpg", "failed"] == 1
        places.photos.put("bad.jpg", (places.samples / "a.jpg").read_bytes())
        watch.until(lambda: watch.statuses()["bad.jpg", "made"])


def test_orphans_stay_if_they_are_more_than_half_or_are_to_be_kept(places: Places) -> None:
    with watched(places) as watch:
        watch.until(lambda: places.thumbs.names() == THUMBS)
        time.sleep(0.5)
        places.photos.remove("2024/b.png", "2024/c.jpg", "d/d.jpg")
        time.sleep(2)
        assert places.thumbs.names() == THUMBS
    places.put("2024/b.png", "2024/c.jpg", "d/d.jpg")
    with watched(places, keep_orphans=True) as watch:
        time.sleep(1)
        places.photos.remove("2024/b.png")
        time.sleep(2)
        assert places.thumbs.names() == THUMBS


def test_a_source_that_is_emptied_loses_nothing(places: Places) -> None:
    with watched(places) as watch:
        watch.until(lambda: places.thumbs.names() == THUMBS)
        places.photos.remove(*NAMES)
        time.sleep(2)
        assert places.thumbs.names() == THUMBS
        places.put("a.jpg", "g.jpg")
        watch.until(lambda: "g.jpg" in places.thumbs.names())
    places.photos.remove("a.jpg", "g.jpg")
    with watched(places):
        time.sleep(2)
        assert places.thumbs.names() == sorted([*THUMBS, "g.jpg"])


def test_a_rescan_of_what_is_known_costs_a_listing_of_the_pictures(
    storage: Storage, tmp_path: Path
) -> None:
    places = places_of("bucket-bucket", storage, tmp_path)
    places.put(*NAMES)
    settled()
    listed = Counter[str]()

    def mood(method: str, target: Target) -> str:
        kind = (
            "photos" if "prefix=photos" in target else "small" if "prefix=small" in target else ""
        )
        listed[f"LIST {kind}" if "list-type" in target else method] += 1
        return ""

    with (
        interfering(storage.endpoint, mood) as endpoint,
        watched(places, endpoint=endpoint) as watch,
    ):
        watch.until(lambda: places.thumbs.names() == THUMBS)
        time.sleep(1.5)
        listed.clear()
        time.sleep(2)
    assert listed.keys() == {"LIST photos"}
    assert 4 <= listed["LIST photos"] <= 7


def test_trouble_passes(storage: Storage, tmp_path: Path) -> None:
    """Expired credentials are renewed by others; a server is away for a while."""
    places = places_of("bucket-bucket", storage, tmp_path)
    places.put(*NAMES)
    settled()
    trouble = ["expired"]
    with interfering(storage.endpoint, lambda *_: trouble[0]) as endpoint:
        trouble[0] = ""
        with watched(places, endpoint=endpoint) as watch:
            watch.until(lambda: places.thumbs.names() == THUMBS)
            for what in ("expired", "denied"):
                trouble[0] = what
                places.put(f"{what}.jpg")
                time.sleep(1.5)
                trouble[0] = ""
                watch.until_there(f"{what}.jpg")
            assert not [name for name in THUMBS if name not in places.thumbs.names()]


def test_the_command_says_when_it_is_ready_and_ends_at_a_signal(
    storage: Storage, tmp_path: Path
) -> None:
    places = places_of("bucket-bucket", storage, tmp_path)
    places.put(*NAMES)
    health = tmp_path / "health.json"
    options = "--output", places.thumbs.path, "--health", health
    with watching(*options, "--rescan", "0.5", places.photos.path) as started:
        assert events(started, "ready")[0]["message"].endswith("; 5 made, 0 failed")
        assert places.thumbs.names() == THUMBS
        places.put("new.jpg")
        soon(started, lambda: "new.jpg" in places.thumbs.names())
        soon(started, lambda: "new.jpg" in {row_name(row) for row in rows(started)})
        soon(started, lambda: json.loads(health.read_text())["counts"]["made"] >= 6)
        assert json.loads(health.read_text())["mode"] == "listing"
        assert not [row for row in rows(started) if row.get("status") == "failed"]


def test_nothing_need_be_in_a_prefix_at_first(storage: Storage, tmp_path: Path) -> None:
    places = places_of("bucket-bucket", storage, tmp_path)
    options = "--output", places.thumbs.path, "--gallery"
    with watching(*options, "--rescan", "0.3", places.photos.path) as started:
        assert events(started, "ready")[0]["message"].endswith("; 0 made, 0 failed")
        await_event(started, "rescan", 2)
        notes = [row["message"] for row in events(started, "note")]
        assert notes == [f"{places.photos.path}: nothing is there yet"]
        places.put("a.jpg")
        soon(started, lambda: "a.jpg" in places.thumbs.names())
        assert not events(started, "error")
        places.photos.remove("a.jpg")
        soon(started, lambda: [places.photos.path, "nothing is there"] in reasons(started))
        assert "a.jpg" in places.thumbs.names()


def reasons(started: Started) -> list[list[str]]:
    """Each failure up to now: of what, and why."""
    return [[row["source"], row["error"]["reason"]] for row in failed(started)]


def test_a_bucket_must_be_there_at_the_start(storage: Storage) -> None:
    run = thumbnailer("watch", "s3://no-such-bucket/photos", "--output", f"{storage.url}/thumbs")
    assert run.code == 1
    assert "there is no such bucket" in run.err


def row_name(row: dict[str, Any]) -> str:
    return str(row.get("source", "")).rpartition("/")[2]


@pytest.mark.few(1)
def test_what_makes_no_sense_is_refused(tmp_path: Path) -> None:
    picture(tmp_path / "photos" / "a.jpg")
    end = threading.Event()
    with pytest.raises(ConfigError, match="tells of buckets"):
        watch(tmp_path / "photos", stop_event=end, events="https://sqs.x.amazonaws.com/1/q")
    with pytest.raises(ConfigError, match="need an output"):
        watch("s3://bucket/photos", stop_event=end)
    with pytest.raises(ConfigError, match="has no place in a watch"):
        watch("s3://bucket/p", output="s3://bucket/t", stop_event=end, shard="1/2")
