"""How a run over buckets ends where access ends, objects change under it or servers can less."""

from __future__ import annotations

import io
import threading
import time
from collections import Counter, deque
from pathlib import Path

import pytest
from PIL import Image
from support.flaky_proxy import Target, interfering
from support.pictures import noise, tree
from support.program import make
from support.s3_server import Storage, outcomes, photos_in, settled, statuses

from thumbnailer import OutputError, make_thumbnails

pytestmark = [pytest.mark.slow, pytest.mark.extra]


def places(storage: Storage) -> tuple[str, str]:
    return f"{storage.url}/photos", f"{storage.url}/thumbs"


@pytest.mark.parametrize("where", ["GET /photos/", "PUT /thumbs/", "GET list-type"])
def test_credentials_that_expire_end_the_run_once(
    storage: Storage, tmp_path: Path, where: str
) -> None:
    photos_in(storage, tmp_path, *(f"photos/{n:04}.jpg" for n in range(40)))
    asked = list[str]()
    method, _, part = where.partition(" ")

    def mood(verb: str, target: Target) -> str:
        """Good for the first questions, and then no more."""
        if verb != method or part not in target or ".thumbnailer" in target:
            return ""
        asked.append(target)
        return "expired" if len(asked) > 2 else ""

    source, output = places(storage)
    with interfering(storage.endpoint, mood, page_keys=15) as endpoint:
        run = make(source, "--output", output, "--endpoint", endpoint, "-j", "1")
    assert run.code == 1
    said = run.err.splitlines()[-1]
    assert "the credentials have expired: renew them, and run the same again" in said
    assert set(statuses(source, output).values()) <= {"made", "current"}
    assert len(storage.keys("thumbs/")) == 40


def test_an_archived_object_is_told_and_not_asked_for_again(
    storage: Storage, tmp_path: Path
) -> None:
    photos_in(storage, tmp_path, "photos/a.jpg", "photos/cold.jpg")
    settled()
    where, count = places(storage), Counter[str]()

    def mood(method: str, target: Target) -> str:
        return "archived" if method == "GET" and target.endswith("/cold.jpg") else ""

    with interfering(storage.endpoint, mood, count=count) as endpoint:
        error = outcomes(*where, endpoint=endpoint)["cold.jpg"].error
        assert error
        assert error.reason.startswith("is archived: restore it, then say --retry-failed")
        count.clear()
        assert statuses(*where, endpoint=endpoint) == {"a.jpg": "current", "cold.jpg": "failed"}
        assert set(count) == {"LIST"}
    assert statuses(*where, retry_failed=True)["cold.jpg"] == "made"


@pytest.mark.parametrize("side", [500, 3000])
def test_an_object_that_has_grown_since_it_was_listed_is_read_anew_or_fails(
    storage: Storage, tmp_path: Path, side: int
) -> None:
    photos_in(storage, tmp_path, *(f"photos/{n}.jpg" for n in range(3)))
    data = io.BytesIO()
    noise((side, side), 50).convert("RGB").save(data, "tiff")
    count = Counter[str]()

    def mood(method: str, target: Target) -> str:
        if method == "GET" and target.endswith("/1.jpg"):
            storage.put("photos/1.jpg", data.getvalue())
        return ""

    where = places(storage)
    with interfering(storage.endpoint, mood, count=count) as endpoint:
        found = outcomes(*where, endpoint=endpoint)
    assert count["GET"] == 3
    if side == 500:
        assert found["1.jpg"].status == "made"
        with Image.open(io.BytesIO(storage.get("thumbs/1.jpg"))) as thumbnail:
            assert thumbnail.size == (256, 256)
    else:
        error = found["1.jpg"].error
        assert error
        assert error.reason == "has grown since it was listed"
        settled()
        assert statuses(*where)["1.jpg"] == "made"


def test_a_server_without_conditional_writes_is_asked_before_each(
    storage: Storage, tmp_path: Path
) -> None:
    names = [f"photos/{n}.jpg" for n in range(12)]
    photos_in(storage, tmp_path, *names, "thumbs/3.jpg")
    mine, count = storage.get("thumbs/3.jpg"), Counter[str]()
    settled()

    def mood(method: str, target: Target) -> str:
        return "501" if method == "PUT" else ""

    where = places(storage)
    with interfering(storage.endpoint, mood, count=count) as endpoint:
        report = make_thumbnails(where[0], output=where[1], endpoint=endpoint)
        assert (report.made, report.failed) == (11, 1)
        assert count["PUT"] + count["PUT mark"] == 13, "one was refused: the first"
        (note,) = report.notes
        assert "takes no conditional writes" in note
        assert storage.get("thumbs/3.jpg") == mine
        settled()
        assert make_thumbnails(where[0], output=where[1], endpoint=endpoint).current == 11
        report = make_thumbnails(where[0], output=where[1], endpoint=endpoint, size=64)
        assert (report.made, report.failed) == (11, 1)
    assert storage.get("thumbs/3.jpg") == mine


def test_a_storm_of_refusals_slows_down_all_requests_together(
    storage: Storage, tmp_path: Path
) -> None:
    """A server that answers a hundred requests a second, and refuses all more."""
    photos_in(storage, tmp_path, *(f"photos/{n:03}.jpg" for n in range(150)))
    lock, answered, count = threading.Lock(), deque[float](), Counter[str]()

    def mood(method: str, target: Target) -> str:
        now = time.monotonic()
        with lock:
            while answered and answered[0] < now - 0.1:
                answered.popleft()
            if len(answered) >= 10:
                return "busy"
            answered.append(now)
        return ""

    where = places(storage)
    with interfering(storage.endpoint, mood, count=count) as endpoint:
        assert set(statuses(*where, endpoint=endpoint, jobs=4).values()) == {"made"}
    asked = count["GET"] + count["PUT"]
    assert asked < 3 * 300, f"{asked} requests for what takes 300"


def test_the_region_of_a_bucket_that_is_elsewhere_is_named(
    storage: Storage, tmp_path: Path
) -> None:
    with interfering(storage.endpoint, lambda *_: "301") as endpoint:
        run = make(storage.url, "--output", tmp_path / "t", "--endpoint", endpoint)
    assert run.code == 1
    assert "in another region, in eu-central-1: set AWS_REGION=eu-central-1" in run.err
    tree(tmp_path, "a.jpg")
    with (
        interfering(storage.endpoint, lambda *_: "301") as endpoint,
        pytest.raises(OutputError, match="eu-central-1"),
    ):
        make_thumbnails(tmp_path, output=storage.url, endpoint=endpoint)
