"""A watch of a bucket by a queue of what is uploaded and deleted there."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

import pytest
from support.bucket_watching import Watched, watched
from support.cloud_queue import CloudQueue
from support.flaky_proxy import Target, interfering
from support.notices import s3_notice, s3_record
from support.pictures import picture
from support.places import Places, places_of
from support.program import make
from support.s3_server import Storage, settled
from support.sqs_server import (
    client_of,
    notify_by_eventbridge,
    notify_by_sns,
    notify_directly,
)

pytest.importorskip("obstore", reason="the extra s3 is not installed")

pytestmark = [pytest.mark.slow, pytest.mark.extra]

# From the upload to the thumbnail.
MOST_SECONDS = 2.0


@pytest.fixture(params=["bucket-bucket", "bucket-disk"])
def places(
    request: pytest.FixtureRequest, storage: Storage, sqs: CloudQueue, tmp_path: Path
) -> Places:
    found = places_of(request.param, storage, tmp_path)
    found.put("a.jpg", "b/b.jpg")
    settled()
    make(*found.arguments)
    notify_directly(storage, sqs)
    return found


@pytest.fixture
def uploads(storage: Storage, sqs: CloudQueue, tmp_path: Path) -> Places:
    """A bucket with a picture, which notifies the queue of what comes from now on."""
    found = places_of("bucket-bucket", storage, tmp_path)
    found.put("a.jpg")
    settled()
    notify_directly(storage, sqs)
    return found


def left_in(queue: CloudQueue, storage: Storage) -> int:
    """How many messages are in a queue, seen or hidden."""
    names = "ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"
    answer = client_of(storage.endpoint).get_queue_attributes(
        QueueUrl=queue.url, AttributeNames=["All"]
    )
    return sum(int(answer["Attributes"][name]) for name in names)


def ready(watch: Watched) -> None:
    """Wait until the first rescan is over."""
    time.sleep(2)
    assert watch.thread.is_alive()


def test_an_upload_has_its_thumbnail_within_two_seconds(
    places: Places, sqs: CloudQueue, storage: Storage
) -> None:
    with watched(places, events=sqs.url, rescan=3600) as watch:
        ready(watch)
        for name, thumbnail in (("c.jpg", "c.jpg"), ("x/ä b+c%20.png", "x/ä b+c%20.png.jpg")):
            begun = time.monotonic()
            places.put(name)
            watch.until_there(thumbnail)
            assert time.monotonic() - begun < MOST_SECONDS
        watch.until(lambda: left_in(sqs, storage) == 0)


def test_a_deleted_upload_loses_its_thumbnails(
    places: Places, sqs: CloudQueue, storage: Storage
) -> None:
    with watched(places, events=sqs.url, rescan=3600) as watch:
        ready(watch)
        places.photos.remove("b/b.jpg")
        watch.until(lambda: places.thumbs.names() == ["a.jpg"])
        watch.until(lambda: left_in(sqs, storage) == 0)
        if places.thumbs.storage:
            watch.until(lambda: not [n for n in places.thumbs.all_names() if n.startswith("b/")])
    assert watch.statuses()["b.jpg", "removed"] == 1


def test_an_event_is_only_a_hint(places: Places, sqs: CloudQueue, storage: Storage) -> None:
    """That a picture is gone is looked at; what is no picture, or elsewhere, is passed over."""
    with watched(places, events=sqs.url, rescan=3600) as watch:
        ready(watch)
        for put in ("no notice at all", '{"Records": [{}]}', "[" * 100_000):
            sqs.put(put)
        data = places.photos.get("a.jpg")
        places.photos.remove("a.jpg")
        places.photos.put("a.jpg", data)
        places.photos.put("notes.txt", b"no picture")
        storage.put("elsewhere/d.jpg", data)
        watch.until(lambda: left_in(sqs, storage) == 0)
        time.sleep(1)
        assert places.thumbs.names() == ["a.jpg", "b/b.jpg"]
    assert {status for _, status in watch.statuses()} <= {"made"}


def test_events_may_come_in_any_order(storage: Storage, sqs: CloudQueue, tmp_path: Path) -> None:
    """One that is replaced, as told by the upload first and the removal last."""
    places = places_of("bucket-bucket", storage, tmp_path)
    places.put("a.jpg", "b.jpg")
    settled()
    make(*places.arguments)
    settled()
    with watched(places, events=sqs.url, rescan=3600) as watch:
        ready(watch)
        storage.put("photos/a.jpg", picture(tmp_path / "other.jpg", (50, 50)).read_bytes())
        storage.delete("photos/b.jpg")
        for name, events in (("a", ("Created:Put", "Removed:Delete")), ("b", ("Created:Put",))):
            for event in events:
                sqs.put(s3_notice(s3_record(f"Object{event}", f"photos/{name}.jpg", storage.name)))
        watch.until(lambda: watch.statuses()["a.jpg", "made"])
        watch.until(lambda: places.thumbs.names() == ["a.jpg"])


def test_what_was_lost_is_found_by_the_next_rescan(
    places: Places, sqs: CloudQueue, storage: Storage
) -> None:
    storage.client.put_bucket_notification_configuration(
        Bucket=storage.name, NotificationConfiguration={}
    )
    with watched(places, events=sqs.url, rescan=1) as watch:
        ready(watch)
        places.put("c.jpg")
        places.photos.remove("b/b.jpg")
        watch.until(lambda: places.thumbs.names() == ["a.jpg", "c.jpg"])


def test_what_fails_for_a_while_comes_again(
    uploads: Places, sqs: CloudQueue, storage: Storage
) -> None:
    """A message whose picture could not be had is not removed from the queue."""
    client_of(storage.endpoint).purge_queue(QueueUrl=sqs.url)
    trouble = [True]

    def mood(method: str, target: Target) -> str:
        is_meant = trouble[0] and method == "GET" and target.endswith("/photos/c.jpg")
        return "denied" if is_meant else ""

    with interfering(storage.endpoint, mood) as endpoint:
        options = {"endpoint": endpoint, "events": sqs.url, "rescan": 1}
        with watched(uploads, **options) as watch:
            ready(watch)
            uploads.put("c.jpg")
            watch.until(lambda: watch.statuses()["c.jpg", "failed"])
            assert left_in(sqs, storage) == 1
            trouble[0] = False
            watch.until(lambda: "c.jpg" in uploads.thumbs.names())


@pytest.mark.parametrize("way", ["topic", "raw topic", "eventbridge"])
def test_events_come_by_other_ways(
    storage: Storage, sqs: CloudQueue, tmp_path: Path, way: str
) -> None:
    places = places_of("bucket-bucket", storage, tmp_path)
    places.put("a.jpg")
    settled()
    if way == "eventbridge":
        notify_by_eventbridge(storage, sqs)
    else:
        notify_by_sns(storage, sqs, raw=way == "raw topic")
    with watched(places, events=sqs.url, rescan=3600) as watch:
        ready(watch)
        places.put("c/d.jpg")
        watch.until(lambda: "c/d.jpg" in places.thumbs.names())
        places.photos.remove("c/d.jpg")
        watch.until(lambda: "c/d.jpg" not in places.thumbs.names())


def test_a_burst_is_made_and_costs_few_listings(
    uploads: Places, sqs: CloudQueue, storage: Storage, tmp_path: Path
) -> None:
    data = picture(tmp_path / "one.jpg").read_bytes()
    count = Counter[str]()
    with (
        interfering(storage.endpoint, lambda *_: "", count=count) as endpoint,
        watched(uploads, endpoint=endpoint, events=sqs.url, rescan=3600) as watch,
    ):
        ready(watch)
        count.clear()
        for number in range(200):
            storage.put(f"photos/2026/{number:03}.jpg", data)
        watch.until(lambda: len(uploads.thumbs.names()) == 201)
        watch.until(lambda: left_in(sqs, storage) == 0)
    assert count["GET"] == 200
    assert count["HEAD"] == 200
    assert count["LIST"] < 100
