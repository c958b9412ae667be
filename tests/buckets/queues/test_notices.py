"""What the services write into their notifications is read as events, and nothing else is."""

from __future__ import annotations

import json
import random
from base64 import b64encode
from collections.abc import Callable
from typing import Any

import pytest
from support.notices import (
    cloud_event,
    encoded,
    event_grid_event,
    eventbridge_notice,
    google_attributes,
    in_envelope_of_sns,
    s3_notice,
    s3_record,
)

from thumbnailer.buckets.queues.messages import Event, Message, read_message
from thumbnailer.buckets.queues.notices.azure import azure_events
from thumbnailer.buckets.queues.notices.google import google_events
from thumbnailer.buckets.queues.notices.s3 import s3_events

# A key that looks otherwise wherever it is encoded once too often, or not often enough.
KEY = "2026/a+b c%20d/ä.jpg"

CREATED, REMOVED = [("created", KEY)], [("removed", KEY)]


def read(body: Any, events_in: Callable[[Any], tuple[Event, ...]]) -> Message:
    message = read_message("a receipt", body, events_in)
    assert message.receipt == "a receipt"
    return message


def events(
    body: Any, events_in: Callable[[Any], tuple[Event, ...]], bucket: str
) -> list[tuple[str, str]]:
    """What happened to which keys of a bucket, by a message that can be read."""
    message = read(body, events_in)
    assert message.fault == ""
    assert all(event.url.startswith(f"{bucket}/") for event in message.events)
    return [
        ("removed" if event.is_removed else "created", event.url.removeprefix(f"{bucket}/"))
        for event in message.events
    ]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ObjectCreated:Put", CREATED),
        ("ObjectCreated:Post", CREATED),
        ("ObjectCreated:Copy", CREATED),
        ("ObjectCreated:CompleteMultipartUpload", CREATED),
        ("s3:ObjectCreated:Put", CREATED),  # as MinIO writes it
        ("ObjectRestore:Completed", CREATED),
        ("ObjectRemoved:Delete", REMOVED),
        ("ObjectRemoved:DeleteMarkerCreated", REMOVED),
        ("LifecycleExpiration:Delete", REMOVED),
        ("LifecycleExpiration:DeleteMarkerCreated", REMOVED),
        ("ObjectRestore:Post", []),
        ("ObjectRestore:Delete", []),
        ("ObjectTagging:Put", []),
        ("ObjectAcl:Put", []),
        ("LifecycleTransition", []),
        ("Replication:OperationFailedReplication", []),
    ],
)
def test_s3(name: str, expected: list[tuple[str, str]]) -> None:
    notice = s3_notice(s3_record(name, KEY))
    assert events(notice, s3_events, "s3://uploads") == expected
    assert events(in_envelope_of_sns(notice), s3_events, "s3://uploads") == expected


def test_s3_with_several_records() -> None:
    records = s3_record("ObjectCreated:Put", "a.jpg"), s3_record("ObjectRemoved:Delete", "b.jpg")
    expected = [("created", "a.jpg"), ("removed", "b.jpg")]
    assert events(s3_notice(*records), s3_events, "s3://uploads") == expected


def test_the_test_that_s3_sends_at_first_is_no_event() -> None:
    test = json.dumps({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "uploads"})
    assert events(test, s3_events, "s3://uploads") == []
    assert events(in_envelope_of_sns(test), s3_events, "s3://uploads") == []


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("Object Created", CREATED),
        ("Object Restore Completed", CREATED),
        ("Object Deleted", REMOVED),
        ("Object Restore Initiated", []),
        ("Object Tags Added", []),
        ("Object Storage Class Changed", []),
    ],
)
def test_s3_by_eventbridge(kind: str, expected: list[tuple[str, str]]) -> None:
    notice = eventbridge_notice(kind, KEY)
    assert events(notice, s3_events, "s3://uploads") == expected
    assert events(in_envelope_of_sns(notice), s3_events, "s3://uploads") == expected


@pytest.mark.parametrize("schema", [event_grid_event, cloud_event])
@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("BlobCreated", CREATED),
        ("BlobDeleted", REMOVED),
        ("BlobTierChanged", []),
        ("BlobRenamed", []),
        ("DirectoryDeleted", []),
    ],
)
def test_azure(
    kind: str, expected: list[tuple[str, str]], schema: Callable[[str, str], dict[str, Any]]
) -> None:
    event = schema(kind, KEY)
    assert events(encoded(event), azure_events, "az://uploads") == expected
    assert events(encoded([event, event]), azure_events, "az://uploads") == 2 * expected
    assert events(f" {json.dumps(event)}", azure_events, "az://uploads") == expected


@pytest.mark.parametrize("key", ["blobs/a.jpg", "a/blobs/b.jpg", "containers/x/blobs/c.jpg", "\n"])
def test_azure_with_a_key_that_looks_like_more(key: str) -> None:
    event = encoded(event_grid_event("BlobCreated", key))
    assert events(event, azure_events, "az://uploads") == [("created", key)]


@pytest.mark.parametrize(
    ("kind", "more", "expected"),
    [
        ("OBJECT_FINALIZE", {}, CREATED),
        ("OBJECT_FINALIZE", {"overwroteGeneration": "1764464522000000"}, CREATED),
        ("OBJECT_DELETE", {}, REMOVED),
        ("OBJECT_DELETE", {"overwrittenByGeneration": "1764464524000000"}, []),
        ("OBJECT_ARCHIVE", {}, REMOVED),
        ("OBJECT_ARCHIVE", {"overwrittenByGeneration": "1764464524000000"}, []),
        ("OBJECT_METADATA_UPDATE", {}, []),
    ],
)
def test_google(kind: str, more: dict[str, str], expected: list[tuple[str, str]]) -> None:
    attributes = google_attributes(kind, KEY, **more)
    assert events(attributes, google_events, "gs://uploads") == expected


def nested(depth: int) -> str:
    return "[" * depth + "]" * depth


# What is written into a message here must not be found in what is said of it.
MARK = "Vj7Qz"

GARBAGE = [
    "",
    " ",
    MARK,
    "null",
    "0",
    f'"{MARK}"',
    "[]",
    "[[]]",
    "{}",
    "{",
    "\0",
    "NaN",
    "9" * 5000,
    nested(100_000),
    '{"a":' * 40_000,
    b64encode(nested(100_000).encode()).decode(),
    b64encode(b"\xff\xfe\x00").decode(),
    json.dumps({MARK: MARK}),
    json.dumps({"Records": {MARK: MARK}}),
    json.dumps({"Records": [None]}),
    json.dumps({"Records": [MARK]}),
    json.dumps({"Records": [{"eventName": 1}]}),
    json.dumps({"Records": [{"eventName": "ObjectCreated:Put"}]}),
    json.dumps({"Records": [{"eventName": "ObjectCreated:Put", "s3": [MARK]}]}),
    json.dumps({"Type": "Notification"}),
    json.dumps({"Type": "Notification", "Message": {"Records": []}}),
    json.dumps({"Type": "SubscriptionConfirmation", "SubscribeURL": f"https://{MARK}"}),
    in_envelope_of_sns(in_envelope_of_sns(s3_notice(s3_record("ObjectCreated:Put", MARK)))),
    json.dumps({"source": "aws.s3", "detail-type": "Object Created", "detail": MARK}),
    json.dumps({"source": "aws.ec2", "detail-type": "Object Created"}),
    encoded({"eventType": {}}),
    encoded({"eventType": "Microsoft.Storage.BlobCreated"}),
    encoded({"eventType": "Microsoft.Storage.BlobCreated", "subject": f"/blobServices/{MARK}"}),
    encoded(event_grid_event("BlobCreated", "")),
    encoded(event_grid_event("BlobCreated", "a", container=f"{MARK}\n")),
]


def assert_unreadable(message: Message) -> None:
    assert message.events == ()
    assert message.fault.isprintable()
    assert 0 < len(message.fault) < 100
    assert MARK not in message.fault


@pytest.mark.parametrize("body", GARBAGE, ids=range(len(GARBAGE)))
def test_garbage_is_unreadable(body: str) -> None:
    if not body.startswith("eyJ"):  # JSON in base64: that of Azure
        assert_unreadable(read(body, s3_events))
    if body != "[]":
        assert_unreadable(read(body, azure_events))


@pytest.mark.parametrize(
    "attributes",
    [
        None,
        [],
        MARK,
        {},
        {"eventType": 1},
        {"eventType": "OBJECT_FINALIZE"},
        google_attributes("OBJECT_FINALIZE", ""),
        google_attributes("OBJECT_FINALIZE", "a", bucket=f"{MARK}/b"),
    ],
)
def test_attributes_that_are_garbage_are_unreadable(attributes: object) -> None:
    assert_unreadable(read(attributes, google_events))


@pytest.mark.parametrize("key", ["", MARK * 400, f"{MARK}\ud800.jpg"])
@pytest.mark.parametrize(
    ("notice", "events_in"),
    [
        (lambda key: eventbridge_notice("Object Created", key), s3_events),
        (lambda key: encoded(event_grid_event("BlobCreated", key)), azure_events),
        (lambda key: google_attributes("OBJECT_FINALIZE", key), google_events),
    ],
    ids=["s3", "azure", "google"],
)
def test_what_can_be_no_key_is_unreadable(
    key: str, notice: Callable[[str], Any], events_in: Callable[[Any], tuple[Event, ...]]
) -> None:
    assert_unreadable(read(notice(key), events_in))


@pytest.mark.parametrize("bucket", ["", "a/b", f"{MARK} b", "a\0", "ä"])
def test_what_can_be_no_bucket_is_unreadable(bucket: str) -> None:
    assert_unreadable(read(s3_notice(s3_record("ObjectCreated:Put", "a", bucket)), s3_events))
    assert_unreadable(read(eventbridge_notice("Object Created", "a", bucket), s3_events))


def test_a_key_that_is_no_utf_8_is_unreadable() -> None:
    record = s3_record("ObjectCreated:Put", "a.jpg")
    record["s3"]["object"]["key"] = "%ff.jpg"
    assert_unreadable(read(s3_notice(record), s3_events))


def test_no_change_to_a_message_makes_its_reader_fail() -> None:
    dice = random.Random(7)
    messages: list[tuple[str, Callable[[Any], tuple[Event, ...]]]] = [
        (in_envelope_of_sns(s3_notice(s3_record("ObjectCreated:Put", MARK))), s3_events),
        (eventbridge_notice("Object Created", MARK), s3_events),
        (json.dumps([cloud_event("BlobCreated", MARK)]), azure_events),
        (encoded(event_grid_event("BlobCreated", MARK)), azure_events),
    ]
    outcomes = {"read": 0, "unreadable": 0}
    for _ in range(4000):
        body, events_in = dice.choice(messages)
        message = read(damaged(body, dice), events_in)
        outcomes["unreadable" if message.fault else "read"] += 1
        if message.fault:
            assert_unreadable(message)
    assert min(outcomes.values()) > 100


def damaged(body: str, dice: random.Random) -> str:
    """A message with a few letters otherwise, or a part of it doubled or gone."""
    for _ in range(dice.randint(1, 3)):
        start, length = dice.randrange(len(body)), dice.choice((1, 1, 1, 2, 40))
        there = body[start : start + length]
        other = dice.choice(("", there * 2, *'"{}[],:\\0 é\0', "null", "[]", "1e999"))
        body = f"{body[:start]}{other}{body[start + length :]}" or "x"
    return body


def test_no_attributes_make_their_reader_fail() -> None:
    dice = random.Random(7)
    values: list[object] = [None, 1, [], {}, "", "a", f"{MARK}\ud800", [[MARK]]]
    for _ in range(1000):
        attributes: dict[str, object] = dict(google_attributes("OBJECT_DELETE", "a.jpg"))
        for name in dice.sample([*attributes], 2):
            attributes[name] = dice.choice(values)
        message = read(attributes, google_events)
        if message.fault:
            assert_unreadable(message)
