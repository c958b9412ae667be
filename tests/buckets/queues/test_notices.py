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

from thumbnailer.buckets.queues.messages import Message, read_message
from thumbnailer.buckets.queues.notices.azure import azure_urls
from thumbnailer.buckets.queues.notices.google import google_urls
from thumbnailer.buckets.queues.notices.s3 import s3_urls

# A key that looks otherwise wherever it is encoded once too often, or not often enough.
KEY = "2026/a+b c%20d/ä.jpg"

TOLD_OF = [KEY]


def read(body: Any, urls_in: Callable[[Any], tuple[str, ...]]) -> Message:
    message = read_message("a receipt", body, urls_in)
    assert message.receipt == "a receipt"
    return message


def keys(body: Any, urls_in: Callable[[Any], tuple[str, ...]], bucket: str) -> list[str]:
    """The keys in a bucket that a message tells of."""
    message = read(body, urls_in)
    assert message.fault == ""
    assert all(url.startswith(f"{bucket}/") for url in message.urls)
    return [url.removeprefix(f"{bucket}/") for url in message.urls]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ObjectCreated:Put", TOLD_OF),
        ("ObjectCreated:Post", TOLD_OF),
        ("ObjectCreated:Copy", TOLD_OF),
        ("ObjectCreated:CompleteMultipartUpload", TOLD_OF),
        ("s3:ObjectCreated:Put", TOLD_OF),  # as MinIO writes it
        ("ObjectRestore:Completed", TOLD_OF),
        ("ObjectRemoved:Delete", TOLD_OF),
        ("ObjectRemoved:DeleteMarkerCreated", TOLD_OF),
        ("LifecycleExpiration:Delete", TOLD_OF),
        ("LifecycleExpiration:DeleteMarkerCreated", TOLD_OF),
        ("ObjectRestore:Post", []),
        ("ObjectRestore:Delete", []),
        ("ObjectTagging:Put", []),
        ("ObjectAcl:Put", []),
        ("LifecycleTransition", []),
        ("Replication:OperationFailedReplication", []),
    ],
)
def test_s3(name: str, expected: list[str]) -> None:
    notice = s3_notice(s3_record(name, KEY))
    assert keys(notice, s3_urls, "s3://uploads") == expected
    assert keys(in_envelope_of_sns(notice), s3_urls, "s3://uploads") == expected


def test_s3_with_several_records() -> None:
    records = s3_record("ObjectCreated:Put", "a.jpg"), s3_record("ObjectRemoved:Delete", "b.jpg")
    expected = ["a.jpg", "b.jpg"]
    assert keys(s3_notice(*records), s3_urls, "s3://uploads") == expected


def test_the_test_that_s3_sends_at_first_tells_of_no_object() -> None:
    test = json.dumps({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "uploads"})
    assert keys(test, s3_urls, "s3://uploads") == []
    assert keys(in_envelope_of_sns(test), s3_urls, "s3://uploads") == []


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("Object Created", TOLD_OF),
        ("Object Restore Completed", TOLD_OF),
        ("Object Deleted", TOLD_OF),
        ("Object Restore Initiated", []),
        ("Object Tags Added", []),
        ("Object Storage Class Changed", []),
    ],
)
def test_s3_by_eventbridge(kind: str, expected: list[str]) -> None:
    notice = eventbridge_notice(kind, KEY)
    assert keys(notice, s3_urls, "s3://uploads") == expected
    assert keys(in_envelope_of_sns(notice), s3_urls, "s3://uploads") == expected


@pytest.mark.parametrize("schema", [event_grid_event, cloud_event])
@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("BlobCreated", TOLD_OF),
        ("BlobDeleted", TOLD_OF),
        ("BlobTierChanged", []),
        ("BlobRenamed", []),
        ("DirectoryDeleted", []),
    ],
)
def test_azure(
    kind: str, expected: list[str], schema: Callable[[str, str], dict[str, Any]]
) -> None:
    event = schema(kind, KEY)
    assert keys(encoded(event), azure_urls, "az://uploads") == expected
    assert keys(encoded([event, event]), azure_urls, "az://uploads") == 2 * expected
    assert keys(f" {json.dumps(event)}", azure_urls, "az://uploads") == expected


@pytest.mark.parametrize("key", ["blobs/a.jpg", "a/blobs/b.jpg", "containers/x/blobs/c.jpg", "\n"])
def test_azure_with_a_key_that_looks_like_more(key: str) -> None:
    event = encoded(event_grid_event("BlobCreated", key))
    assert keys(event, azure_urls, "az://uploads") == [key]


@pytest.mark.parametrize(
    ("kind", "more", "expected"),
    [
        ("OBJECT_FINALIZE", {}, TOLD_OF),
        ("OBJECT_FINALIZE", {"overwroteGeneration": "1764464522000000"}, TOLD_OF),
        ("OBJECT_DELETE", {}, TOLD_OF),
        ("OBJECT_DELETE", {"overwrittenByGeneration": "1764464524000000"}, []),
        ("OBJECT_ARCHIVE", {}, TOLD_OF),
        ("OBJECT_ARCHIVE", {"overwrittenByGeneration": "1764464524000000"}, []),
        ("OBJECT_METADATA_UPDATE", {}, []),
    ],
)
def test_google(kind: str, more: dict[str, str], expected: list[str]) -> None:
    attributes = google_attributes(kind, KEY, **more)
    assert keys(attributes, google_urls, "gs://uploads") == expected


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
    assert message.urls == ()
    assert message.fault.isprintable()
    assert 0 < len(message.fault) < 100
    assert MARK not in message.fault


@pytest.mark.parametrize("body", GARBAGE, ids=range(len(GARBAGE)))
def test_garbage_is_unreadable(body: str) -> None:
    if not body.startswith("eyJ"):  # JSON in base64: that of Azure
        assert_unreadable(read(body, s3_urls))
    if body != "[]":
        assert_unreadable(read(body, azure_urls))


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
    assert_unreadable(read(attributes, google_urls))


@pytest.mark.parametrize("key", ["", MARK * 400, f"{MARK}\ud800.jpg"])
@pytest.mark.parametrize(
    ("notice", "urls_in"),
    [
        (lambda key: eventbridge_notice("Object Created", key), s3_urls),
        (lambda key: encoded(event_grid_event("BlobCreated", key)), azure_urls),
        (lambda key: google_attributes("OBJECT_FINALIZE", key), google_urls),
    ],
    ids=["s3", "azure", "google"],
)
def test_what_can_be_no_key_is_unreadable(
    key: str, notice: Callable[[str], Any], urls_in: Callable[[Any], tuple[str, ...]]
) -> None:
    assert_unreadable(read(notice(key), urls_in))


@pytest.mark.parametrize("bucket", ["", "a/b", f"{MARK} b", "a\0", "ä"])
def test_what_can_be_no_bucket_is_unreadable(bucket: str) -> None:
    assert_unreadable(read(s3_notice(s3_record("ObjectCreated:Put", "a", bucket)), s3_urls))
    assert_unreadable(read(eventbridge_notice("Object Created", "a", bucket), s3_urls))


def test_a_key_that_is_no_utf_8_is_unreadable() -> None:
    record = s3_record("ObjectCreated:Put", "a.jpg")
    record["s3"]["object"]["key"] = "%ff.jpg"
    assert_unreadable(read(s3_notice(record), s3_urls))


def test_no_change_to_a_message_makes_its_reader_fail() -> None:
    dice = random.Random(7)
    messages: list[tuple[str, Callable[[Any], tuple[str, ...]]]] = [
        (in_envelope_of_sns(s3_notice(s3_record("ObjectCreated:Put", MARK))), s3_urls),
        (eventbridge_notice("Object Created", MARK), s3_urls),
        (json.dumps([cloud_event("BlobCreated", MARK)]), azure_urls),
        (encoded(event_grid_event("BlobCreated", MARK)), azure_urls),
    ]
    outcomes = {"read": 0, "unreadable": 0}
    for _ in range(4000):
        body, urls_in = dice.choice(messages)
        message = read(damaged(body, dice), urls_in)
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
        message = read(attributes, google_urls)
        if message.fault:
            assert_unreadable(message)
