"""Subscriptions of Google's Pub/Sub: how they are asked, and by which tokens."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.certificates import new_authority
from support.cloud_queue import CloudQueue
from support.flaky_proxy import interfering
from support.pubsub_server import PubSub, running, subscription_at

from thumbnailer import ConfigError
from thumbnailer.buckets.client.errors import CredentialsEnded
from thumbnailer.buckets.queues.open import open_queue

pytestmark = [pytest.mark.slow, pytest.mark.extra]

URLS = ("gs://uploads/a.jpg",)


@pytest.fixture
def pubsub() -> PubSub:
    pytest.importorskip("botocore", reason="the extra s3 is not installed")
    return PubSub()


@pytest.fixture
def endpoint(pubsub: PubSub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    """The server's, in an environment without credentials."""
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    with running(pubsub) as endpoint:
        yield endpoint


@pytest.fixture
def subscription(pubsub: PubSub, endpoint: str) -> CloudQueue:
    """A subscription with one message."""
    queue = subscription_at(endpoint, pubsub, "uploads")
    queue.notify("a.jpg")
    return queue


@pytest.fixture
def by_tls(
    subscription: CloudQueue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """The URL of the same by TLS, as Google's own are asked."""
    pytest.importorskip("cryptography", reason="no certificates can be made")
    bundle, tls = new_authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    with interfering(subscription.url, lambda *_: "", tls=tls) as url:
        yield url


def test_an_emulator_is_asked_where_the_environment_says(
    subscription: CloudQueue, endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", endpoint.removeprefix("http://"))
    url = "https://pubsub.googleapis.com/v1/projects/tests/subscriptions/uploads"
    (message,) = open_queue(url).receive()
    assert message.urls == URLS


def test_messages_are_hidden_for_longer_than_the_subscription_says(
    pubsub: PubSub, subscription: CloudQueue
) -> None:
    pubsub.deadline_seconds = 0.1
    queue = open_queue(subscription.url, visibility_seconds=2)
    (message,) = queue.receive()
    begin = time.monotonic()
    (again,) = queue.receive()
    assert time.monotonic() - begin > 1.5
    assert (message.urls, again.urls) == (URLS, URLS)


def test_the_account_of_a_virtual_machine_is_used(
    pubsub: PubSub, by_tls: str, endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GCE_METADATA_HOST", endpoint.removeprefix("http://"))
    pubsub.token = "nobody's"
    queue = open_queue(by_tls)
    (message,) = queue.receive()
    assert message.urls == URLS
    queue.done([message.receipt])
    assert len(pubsub.given) == 1  # for all requests


def test_a_token_is_renewed_before_it_ends(
    pubsub: PubSub, by_tls: str, endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GCE_METADATA_HOST", endpoint.removeprefix("http://"))
    pubsub.token, pubsub.token_seconds = "nobody's", 100
    queue = open_queue(by_tls)
    (message,) = queue.receive()
    queue.done([message.receipt])
    assert len(pubsub.given) > 1


def test_the_login_of_a_user_is_used(
    pubsub: PubSub, by_tls: str, endpoint: str, tmp_path: Path
) -> None:
    (tmp_path / "application_default_credentials.json").write_text(
        json.dumps(
            {
                "type": "authorized_user",
                "client_id": "764086051850.apps.googleusercontent.com",
                "client_secret": "d-FL95",
                "refresh_token": "1//refresh",
                "token_uri": f"{endpoint}/token",
            }
        )
    )
    pubsub.token, pubsub.refresh_token = "nobody's", "1//refresh"
    (message,) = open_queue(by_tls).receive()
    assert message.urls == URLS


def test_a_login_that_was_withdrawn_is_told_and_not_quoted(
    pubsub: PubSub, by_tls: str, endpoint: str, tmp_path: Path
) -> None:
    said = {"type": "authorized_user", "refresh_token": "Vj7Qz", "token_uri": f"{endpoint}/token"}
    (tmp_path / "application_default_credentials.json").write_text(json.dumps(said))
    with pytest.raises(CredentialsEnded, match=r"no token is given \(400\)") as error:
        open_queue(by_tls).receive()
    assert "Vj7Qz" not in str(error.value)
    assert error.value.filename == by_tls


def test_nobody_who_gives_a_token_is_told(by_tls: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GCE_METADATA_HOST", "127.0.0.1:9")
    with pytest.raises(CredentialsEnded, match="no credentials are found"):
        open_queue(by_tls).receive()


@pytest.mark.parametrize(
    "content",
    [json.dumps({"type": "service_account", "private_key": "Vj7Qz"}), "Vj7Qz", "[]", "[" * 100_000],
    ids=["key of a service account", "text", "list", "deep"],
)
def test_credentials_of_other_kinds_are_refused_and_not_quoted(
    content: str, subscription: CloudQueue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "credentials.json"
    file.write_text(content)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))
    with pytest.raises(ConfigError) as error:
        open_queue(subscription.url.replace("http://", "https://"))
    assert "Vj7Qz" not in str(error.value)


def test_an_emulator_is_given_no_token(
    subscription: CloudQueue, endpoint: str, pubsub: PubSub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GCE_METADATA_HOST", endpoint.removeprefix("http://"))
    assert [message.urls for message in open_queue(subscription.url).receive()] == [URLS]
    assert pubsub.given == []


def test_an_answer_that_is_no_json_is_an_error(subscription: CloudQueue) -> None:
    with (
        interfering(subscription.url, lambda *_: "nonsense") as url,
        pytest.raises(OSError, match="the service answers with what is no JSON"),
    ):
        open_queue(url).receive()
