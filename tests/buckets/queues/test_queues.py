"""Queues of all services alike: what is received, and what becomes of it."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from itertools import chain, repeat

import pytest
from support.cloud_queue import CloudQueue
from support.flaky_proxy import interfering
from support.waiting import STALL_SECONDS, until

from thumbnailer.buckets.client.errors import CredentialsEnded
from thumbnailer.buckets.queues.messages import Message
from thumbnailer.buckets.queues.open import open_queue
from thumbnailer.buckets.queues.queue import Queue

pytestmark = [pytest.mark.slow, pytest.mark.extra]


def received(queue: Queue, number: int = 1) -> list[Message]:
    """The next messages."""
    messages: list[Message] = []
    for _ in until(STALL_SECONDS):
        messages += queue.receive()
        if len(messages) >= number:
            break
    return messages


def keys(messages: list[Message]) -> list[str]:
    """The keys of the objects that they tell of, by messages that can be read."""
    assert {message.fault for message in messages} <= {""}
    found = [url for message in messages for url in message.urls]
    return sorted(url.partition("uploads/")[2] for url in found)


def test_what_is_uploaded_is_received(cloud_queue: CloudQueue) -> None:
    cloud_queue.notify("2026/a+b c%20d/ä.jpg")
    (message,) = received(open_queue(cloud_queue.url))
    assert message.urls == (f"{cloud_queue.bucket}/2026/a+b c%20d/ä.jpg",)
    assert message.fault == ""


def test_a_message_that_is_put_later_is_waited_for(cloud_queue: CloudQueue) -> None:
    delayed = threading.Timer(1, cloud_queue.notify, ["a.jpg"])
    delayed.start()
    assert keys(open_queue(cloud_queue.url).receive()) == ["a.jpg"]
    delayed.join()


def test_more_messages_than_fit_into_one_answer(cloud_queue: CloudQueue) -> None:
    names = [f"{number:02}.jpg" for number in range(45)]
    for name in names:
        cloud_queue.notify(name)
    queue = open_queue(cloud_queue.url, visibility_seconds=2)
    messages = received(queue, len(names))
    assert keys(messages) == names
    queue.done([message.receipt for message in messages])
    cloud_queue.notify("last.jpg")
    time.sleep(2.2)
    assert keys(queue.receive()) == ["last.jpg"]


def test_what_is_done_does_not_come_again(cloud_queue: CloudQueue) -> None:
    queue = open_queue(cloud_queue.url, visibility_seconds=1)
    cloud_queue.notify("a.jpg")
    (message,) = received(queue)
    queue.done([message.receipt])
    time.sleep(1.2)
    cloud_queue.notify("b.jpg")
    assert keys(queue.receive()) == ["b.jpg"]


def test_what_is_not_done_comes_again(cloud_queue: CloudQueue) -> None:
    queue = open_queue(cloud_queue.url, visibility_seconds=1)
    cloud_queue.notify("a.jpg")
    assert keys(received(queue)) == ["a.jpg"]
    begin = time.monotonic()
    assert keys(received(open_queue(cloud_queue.url))) == ["a.jpg"]
    assert time.monotonic() - begin > 0.5  # and not before


def test_what_is_extended_comes_again_later(cloud_queue: CloudQueue) -> None:
    queue = open_queue(cloud_queue.url, visibility_seconds=3)
    cloud_queue.notify("a.jpg")
    (message,) = received(queue)
    time.sleep(1.5)
    queue.extend([message.receipt])
    begin = time.monotonic()
    (again,) = received(queue)
    assert time.monotonic() - begin > 2.0  # without it, half a second less
    queue.done([again.receipt])


def test_what_is_extended_can_be_done(cloud_queue: CloudQueue) -> None:
    queue = open_queue(cloud_queue.url, visibility_seconds=1)
    cloud_queue.notify("a.jpg")
    (message,) = received(queue)
    for _ in range(2):
        queue.extend([message.receipt])
    queue.done([message.receipt])
    time.sleep(1.2)
    cloud_queue.notify("b.jpg")
    assert keys(queue.receive()) == ["b.jpg"]


def test_what_is_gone_can_be_done_and_extended(cloud_queue: CloudQueue) -> None:
    queue = open_queue(cloud_queue.url, visibility_seconds=1)
    cloud_queue.notify("a.jpg")
    (message,) = received(queue)
    time.sleep(1.2)
    other = open_queue(cloud_queue.url)
    other.done([again.receipt for again in received(other)])
    queue.extend([message.receipt])
    queue.done([message.receipt, message.receipt])
    queue.done([])


def test_a_message_that_is_no_notification_is_none_of_the_others(cloud_queue: CloudQueue) -> None:
    queue = open_queue(cloud_queue.url, visibility_seconds=1)
    cloud_queue.put("MARK <&>")
    cloud_queue.notify("a.jpg")
    messages = received(queue, 2)
    (unreadable,) = [message for message in messages if message.fault]
    assert unreadable.urls == ()
    assert "MARK" not in unreadable.fault
    messages.remove(unreadable)
    assert keys(messages) == ["a.jpg"]
    queue.done([unreadable.receipt])
    time.sleep(1.2)
    assert keys(queue.receive()) == ["a.jpg"]


def test_a_stop_ends_a_wait_at_once(cloud_queue: CloudQueue) -> None:
    stop = threading.Event()
    queue = open_queue(cloud_queue.url, stop)
    timer = threading.Timer(0.5, stop.set)
    timer.start()
    begin = time.monotonic()
    assert queue.receive() == []
    assert time.monotonic() - begin < 5  # it would be 20
    timer.join()
    cloud_queue.notify("a.jpg")
    assert queue.receive() == []


def test_a_stop_holds_up_nothing_that_is_done(cloud_queue: CloudQueue) -> None:
    stop = threading.Event()
    queue = open_queue(cloud_queue.url, stop, visibility_seconds=1)
    cloud_queue.notify("a.jpg")
    (message,) = received(queue)
    stop.set()
    queue.done([message.receipt])
    time.sleep(1.2)
    cloud_queue.notify("b.jpg")
    assert keys(open_queue(cloud_queue.url).receive()) == ["b.jpg"]


def test_a_queue_that_is_not_there_is_named(cloud_queue: CloudQueue) -> None:
    url = f"{cloud_queue.url}-none"
    with pytest.raises(FileNotFoundError, match="there is no such queue") as error:
        open_queue(url).receive()
    assert error.value.filename == url


def moods(*first: str) -> Iterator[str]:
    """What is done to one request after the other; those after the first ones are passed on."""
    return chain(first, repeat(""))


@pytest.mark.parametrize("mood", ["busy", "reset", "cut"])
def test_what_fails_is_asked_again(cloud_queue: CloudQueue, mood: str) -> None:
    cloud_queue.notify("a.jpg")
    requests, what = Counter[str](), moods(mood, mood)
    with interfering(cloud_queue.url, lambda *_: next(what), count=requests) as url:
        queue = open_queue(url, visibility_seconds=1)
        (message,) = received(queue)
        assert keys([message]) == ["a.jpg"]
        what = moods(mood, mood)
        queue.done([message.receipt])
        assert requests.total() >= 6
    time.sleep(1.2)
    cloud_queue.notify("b.jpg")
    assert keys(open_queue(cloud_queue.url).receive()) == ["b.jpg"]


EXPIRED = {"s3": "expired at sqs", "az": "expired at azure", "gs": "expired at pubsub"}


def test_credentials_that_have_ended_are_told_and_not_quoted(cloud_queue: CloudQueue) -> None:
    mood = EXPIRED[cloud_queue.bucket.partition(":")[0]]
    with interfering(cloud_queue.url, lambda *_: mood) as url:
        queue = open_queue(url)
        with pytest.raises(CredentialsEnded) as error:
            queue.receive()
    said = f"{error.value} {error.value!r}"
    assert str(error.value.strerror).startswith(
        ("the credentials have expired", "access is denied: no valid credentials")
    )
    assert url in said
    assert not [secret for secret in (*cloud_queue.secrets, "Bearer") if secret in said]
    assert error.value.__cause__ is None
