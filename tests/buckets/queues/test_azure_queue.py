"""Queues of Azure's storage: how they are asked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support import az_queue_server
from support.cloud_queue import CloudQueue, NewQueue
from support.flaky_proxy import interfering

from thumbnailer import ConfigError
from thumbnailer.buckets.client.errors import CredentialsEnded
from thumbnailer.buckets.queues.open import open_queue

pytestmark = [pytest.mark.slow, pytest.mark.extra]


@pytest.fixture(scope="module")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NewQueue]:
    pytest.importorskip("botocore", reason="the extra s3 is not installed")
    if reason := az_queue_server.hindrance():
        pytest.skip(reason)
    with az_queue_server.serving(tmp_path_factory.mktemp("server")) as new_queue:
        yield new_queue


@pytest.fixture
def azure(azurite: NewQueue, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> CloudQueue:
    """A queue with one message, and an environment without anything about it."""
    for name in ("AZURE_STORAGE_ACCOUNT_NAME", "AZURE_STORAGE_ACCOUNT_KEY"):
        monkeypatch.delenv(name, raising=False)
    queue = azurite(f"tests-{tmp_path.name.replace('_', '-')[:40].lower().strip('-')}")
    queue.notify("a.jpg")
    return queue


def test_a_connection_string_is_enough(azure: CloudQueue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", "UseDevelopmentStorage=true")
    (message,) = open_queue(azure.url).receive()
    assert message.urls == ("az://uploads/a.jpg",)


def test_a_shared_access_signature_is_enough(
    azure: CloudQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZURE_STORAGE_SAS_TOKEN", az_queue_server.signature(minutes=5))
    queue = open_queue(azure.url)
    (message,) = queue.receive()
    assert message.urls == ("az://uploads/a.jpg",)
    queue.extend([message.receipt])
    queue.done([message.receipt])


def test_a_signature_that_is_over_is_told_and_not_quoted(
    azure: CloudQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    signature = az_queue_server.signature(minutes=-5)
    monkeypatch.setenv("AZURE_STORAGE_SAS_TOKEN", signature)
    with pytest.raises(PermissionError, match="access is denied") as error:
        open_queue(azure.url).receive()
    assert "sig=" not in str(error.value)
    with (
        interfering(azure.url, lambda *_: "expired at azure") as url,
        pytest.raises(CredentialsEnded, match="access is denied: no valid credentials"),
    ):
        open_queue(url).receive()


def test_without_key_or_signature_it_is_said_which_there_could_be(azure: CloudQueue) -> None:
    with pytest.raises(ConfigError, match="AZURE_STORAGE_SAS_TOKEN"):
        open_queue(azure.url)


def test_an_answer_that_is_no_xml_is_an_error(
    azure: CloudQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", "UseDevelopmentStorage=true")
    with (
        interfering(azure.url, lambda *_: "nonsense") as url,
        pytest.raises(OSError, match="the service answers with what is no XML"),
    ):
        open_queue(url).receive()
