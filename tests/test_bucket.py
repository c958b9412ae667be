"""Pictures and thumbnails in object storage, against a server that answers like S3."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from buckets import ENVIRONMENT, Storage, photos_in, serving
from PIL import Image
from support import corners, make

pytest.importorskip("obstore", reason="the extra s3 is not installed")
boto3 = pytest.importorskip("boto3", reason="the extra s3 is not installed")
pytest.importorskip("moto.server", reason="moto[server] is not installed")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    with serving(tmp_path_factory.mktemp("server")) as (endpoint, log):
        yield endpoint, log


@pytest.fixture
def storage(server: tuple[str, Path], monkeypatch: pytest.MonkeyPatch) -> Storage:
    """An empty bucket, and the environment that leads to it."""
    endpoint, log = server
    for name, value in (ENVIRONMENT | {"AWS_ENDPOINT_URL": endpoint}).items():
        monkeypatch.setenv(name, value)
    client = boto3.client("s3", endpoint_url=endpoint)
    name = f"tests-{uuid4().hex[:12]}"
    client.create_bucket(Bucket=name)
    return Storage(endpoint, name, client, log)


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
    print(count)
