"""Queues of Amazon SQS: what S3 puts there, and how they are asked."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from textwrap import dedent

import pytest
from support.cloud_queue import CloudQueue
from support.flaky_proxy import Target, interfering
from support.s3_server import KEY_ID, SECRET, Storage
from support.sqs_server import notify_by_eventbridge, notify_by_sns, notify_directly
from support.waiting import STALL_SECONDS, until

from thumbnailer import ConfigError
from thumbnailer.buckets.queues.open import open_queue
from thumbnailer.buckets.queues.queue import Queue

pytestmark = [pytest.mark.slow, pytest.mark.extra]


def urls(queue: Queue, number: int) -> list[str]:
    """So many URLs, by messages that are done with that."""
    found: list[str] = []
    for _ in until(STALL_SECONDS):
        messages = queue.receive()
        assert {message.fault for message in messages} <= {""}
        queue.done([message.receipt for message in messages])
        found += [url for message in messages for url in message.urls]
        if len(found) >= number:
            break
    return found


@pytest.mark.parametrize(
    "notify",
    [
        notify_directly,
        partial(notify_by_sns, raw=False),
        partial(notify_by_sns, raw=True),
        notify_by_eventbridge,
    ],
    ids=["directly", "by SNS", "by SNS, raw", "by EventBridge"],
)
def test_what_s3_notifies_of_is_an_event(
    storage: Storage, sqs: CloudQueue, notify: Callable[[Storage, CloudQueue], None]
) -> None:
    notify(storage, sqs)
    keys = ["a.jpg", "2026/b c+d%20e.jpg", "ä/日本.jpg"]
    for key in keys:
        storage.put(key, b"anything")
    queue = open_queue(sqs.url)
    created = {f"{storage.url}/{key}" for key in keys}
    assert set(urls(queue, len(keys))) == created
    storage.delete("a.jpg")
    assert urls(queue, 1) == [f"{storage.url}/a.jpg"]


def test_a_queue_is_waited_at_until_the_service_says_that_there_is_nothing(sqs: CloudQueue) -> None:
    requests = Counter[str]()
    with interfering(sqs.url, lambda *_: "", count=requests) as url:
        begin = time.monotonic()
        assert open_queue(url).receive() == []
        assert time.monotonic() - begin > 19
    assert requests.total() == 1


def test_throttling_is_waited_for(sqs: CloudQueue) -> None:
    sqs.notify("a.jpg")
    requests = Counter[str]()

    def mood(method: str, target: Target) -> str:
        return "throttled queue of sqs" if requests.total() < 3 else ""

    with interfering(sqs.url, mood, count=requests) as url:
        assert urls(open_queue(url), 1) == ["s3://uploads/a.jpg"]
    assert requests.total() > 3


class Heard(list[Mapping[str, str]]):
    """What a server has heard: the headers of each request, which it refuses, or passes on."""

    def __init__(self, mood: str = "") -> None:
        self._mood = mood

    def __call__(self, method: str, target: Target) -> str:
        self.append({name.lower(): value for name, value in target.headers.items()})
        return self._mood


@pytest.mark.parametrize(
    ("host", "region"),
    [
        ("sqs.eu-north-1.amazonaws.com", "eu-north-1"),
        ("sqs.cn-north-1.amazonaws.com.cn", "cn-north-1"),
        ("sqs-fips.us-gov-west-1.amazonaws.com", "us-gov-west-1"),
        ("sqs.eu-west-1.api.aws", "eu-west-1"),
        ("vpce-1a2b.sqs.us-west-2.vpce.amazonaws.com", "us-west-2"),
        ("eu-west-3.queue.amazonaws.com", "eu-west-3"),
        ("localhost.example", "ap-south-1"),
    ],
)
def test_the_region_is_that_of_the_host_else_of_the_environment(
    storage: Storage, monkeypatch: pytest.MonkeyPatch, host: str, region: str
) -> None:
    heard = Heard("denied")
    monkeypatch.setenv("AWS_REGION", "ap-south-1")
    with interfering(storage.endpoint, heard) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy)
        monkeypatch.setenv("NO_PROXY", "")
        with pytest.raises(PermissionError, match="access is denied") as error:
            open_queue(f"http://{host}/123456789012/uploads").receive()
    (headers,) = heard
    assert headers["authorization"].split("/")[2:4] == [region, "sqs"]
    assert headers["x-amz-target"] == "AmazonSQS.ReceiveMessage"
    assert KEY_ID not in str(error.value)
    assert SECRET not in str(error.value)


def test_credentials_that_are_renewed_are_used(
    sqs: CloudQueue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program, config = tmp_path / "program.py", tmp_path / "config"
    program.write_text(
        dedent("""
            import datetime, json, uuid
            end = datetime.datetime.now(datetime.UTC) + datetime.timedelta(minutes=5)
            print(json.dumps({
                "Version": 1,
                "AccessKeyId": f"ASIA{uuid.uuid4().hex[:16].upper()}",
                "SecretAccessKey": "secret",
                "SessionToken": "token",
                "Expiration": end.isoformat(),
            }))
        """)
    )
    config.write_text(f"[profile short]\ncredential_process = {sys.executable} {program}\n")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("AWS_PROFILE", "short")
    heard = Heard()
    with interfering(sqs.url, heard) as url:
        queue = open_queue(url)
        for key in ("a.jpg", "b.jpg"):
            sqs.notify(key)
            assert urls(queue, 1) == [f"s3://uploads/{key}"]
    used = [headers["authorization"].partition("Credential=")[2][:20] for headers in heard]
    assert len(set(used)) == len(used) == 4
    assert {headers["x-amz-security-token"] for headers in heard} == {"token"}


def test_without_credentials_it_is_said_which_there_could_be(
    sqs: CloudQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    with pytest.raises(ConfigError, match="AWS_PROFILE"):
        open_queue(sqs.url)


def test_an_emulator_may_want_no_credentials(
    sqs: CloudQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.setenv("AWS_SKIP_SIGNATURE", "true")
    heard = Heard("denied")
    with interfering(sqs.url, heard) as url, pytest.raises(PermissionError):
        open_queue(url).receive()
    (headers,) = heard
    assert "authorization" not in headers


def test_a_server_that_is_not_there_is_told(sqs: CloudQueue) -> None:
    with interfering(sqs.url, lambda *_: "") as url:
        pass
    with pytest.raises(OSError, match="the service can't be reached: nobody listens there"):
        open_queue(url).receive()
