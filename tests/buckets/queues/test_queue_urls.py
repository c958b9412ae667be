"""Which URLs are those of queues, and what is said of others."""

from __future__ import annotations

import pytest
from support.s3_server import ENVIRONMENT

from thumbnailer import ConfigError
from thumbnailer.buckets.queues.open import open_queue

SECRET = "Vj7Qz"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "uploads",
        "s3://uploads",
        "ftp://127.0.0.1/000000000000/uploads",
        "https://",
        "https://[",
        "https://sqs.eu-west-1.amazonaws.com",
        "https://sqs.eu-west-1.amazonaws.com/123456789012",
        "https://sqs.eu-west-1.amazonaws.com/123456789012/a/b",
        "https://example.queue.core.windows.net/",
        "https://example.queue.core.windows.net/uploads/messages",
        "https://pubsub.googleapis.com/v1/projects/p/topics/t",
        "https://pubsub.googleapis.com/v1/projects/p/subscriptions/s:pull",
    ],
)
def test_what_is_no_url_of_a_queue_is_refused_with_those_there_are(url: str) -> None:
    with pytest.raises(ConfigError, match=r"is no URL of a queue: these are https://sqs\."):
        open_queue(url)


@pytest.mark.parametrize(
    "url",
    [
        f"https://example.queue.core.windows.net/uploads?sv=2023-11-03&sig={SECRET}",
        f"https://example.queue.core.windows.net/uploads#{SECRET}",
        f"https://user:{SECRET}@sqs.eu-west-1.amazonaws.com/123456789012/uploads",
        f"https://[{SECRET}?{SECRET}",
        f"https://example.com/?{SECRET}",
        f"{'x' * 1000}?{SECRET}",
    ],
)
def test_a_secret_in_a_url_is_refused_and_not_quoted(url: str) -> None:
    with pytest.raises(ConfigError) as error:
        open_queue(url)
    said = str(error.value)
    assert f"={SECRET}" not in said
    assert f":{SECRET}" not in said
    assert f"?{SECRET}" not in said
    assert len(said) < 500


@pytest.mark.extra
@pytest.mark.parametrize(
    "url",
    [
        "https://sqs.eu-west-1.amazonaws.com/123456789012/uploads",
        "https://sqs.cn-north-1.amazonaws.com.cn/123456789012/uploads_of-all.fifo",
        "https://eu-west-1.queue.amazonaws.com/123456789012/uploads",
        "http://127.0.0.1:9324/000000000000/uploads",
        "http://localhost:4566/queue/us-east-1/000000000000/uploads",
        "https://example.queue.core.windows.net/uploads-1",
        "https://example.z01.queue.storage.azure.net/uploads",
        "https://example.queue.core.chinacloudapi.cn/uploads",
        "http://127.0.0.1:10001/devstoreaccount1/uploads",
        "https://pubsub.googleapis.com/v1/projects/p-1/subscriptions/s",
        "https://europe-west3-pubsub.googleapis.com/v1/projects/example.com:p/subscriptions/s",
        "http://127.0.0.1:8085/v1/projects/p/subscriptions/s",
    ],
)
def test_queues_and_their_emulators_are_known_by_their_urls(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("botocore", reason="the extra s3 is not installed")
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", "a2V5")
    monkeypatch.setenv("CLOUDSDK_CONFIG", "/nowhere")
    open_queue(url)
