"""Objects without an ending, as Rails' ActiveStorage has them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from support.pictures import files_below, picture
from support.s3_server import Storage, settled
from support.uploads import SKIPPED, uploads_in

from thumbnailer import iter_thumbnails, make_thumbnails

pytest.importorskip("obstore", reason="the extra s3 is not installed")

pytestmark = pytest.mark.extra


@pytest.mark.parametrize("is_local", [False, True])
def test_pictures_among_them_are_taken_and_others_are_fetched_once(
    storage: Storage, tmp_path: Path, is_local: bool
) -> None:
    uploads = uploads_in(tmp_path / "uploads")
    for name in files_below(uploads):
        storage.put(f"uploads/{name}", (uploads / name).read_bytes())
    storage.put("uploads/Makefile", b"all:\n")
    storage.put("uploads/folder/", b"")  # as a console makes one; an empty object is none, too
    settled()
    url = f"{storage.url}/uploads"
    output: str | Path = tmp_path / "thumbs" if is_local else f"{storage.url}/thumbs"
    report = make_thumbnails(url, output=output)
    assert (report.found, report.left_out) == (1, {"without an ending": 8})
    skipped = {name: status for name, status in SKIPPED.items() if name != "empty"}

    def statuses() -> dict[str, str]:
        outcomes = iter_thumbnails(url, output=output, by_content=True)
        return {os.path.basename(one.source.path): one.status for one in outcomes}

    pictures = {"xtapjj": "made", "abcd": "made", "named.jpg": "current"}
    settled()
    assert statuses() == pictures | skipped
    settled()
    current = dict.fromkeys(pictures, "current")
    with storage.counted() as count:
        assert statuses() == current | skipped
    assert count["GET"] == 0
    storage.put("uploads/text", (uploads / "xtapjj").read_bytes())
    assert statuses() == current | skipped | {"text": "made"}


def test_an_object_too_large_to_be_fetched_is_skipped(storage: Storage, tmp_path: Path) -> None:
    """It may well be a film, and what it is only its content would tell."""
    storage.put("uploads/film", bytes(9 << 20))
    places: Any = {"output": tmp_path / "t", "by_content": True, "worker_memory": 32}
    (outcome,) = iter_thumbnails(f"{storage.url}/uploads", **places)
    assert outcome.status == "skipped"
    assert outcome.error
    assert outcome.error.reason.startswith("9 MiB of data, more than the limit of 8")


@pytest.mark.parametrize("is_picture", [False, True])
def test_one_whose_thumbnail_would_be_called_like_that_of_a_picture_leaves_it_alone(
    storage: Storage, tmp_path: Path, is_picture: bool
) -> None:
    data = picture(tmp_path / "a.jpg").read_bytes()
    for key, content in {
        "uploads/a": data if is_picture else b"only a text",
        "uploads/a-b": data,
        "uploads/a.jpg": data,
        "uploads/b.jpg": data,
    }.items():
        storage.put(key, content)
    settled()
    places = f"{storage.url}/uploads", f"{storage.url}/thumbs"
    for status in ("made", "current", "current"):
        found = iter_thumbnails(places[0], output=places[1], by_content=True)
        outcomes = {os.path.basename(one.source.path): one for one in found}
        assert {name: one.status for name, one in outcomes.items()} == {
            "a": "skipped",
            "a-b": status,
            "a.jpg": status,
            "b.jpg": status,
        }
        error = outcomes["a"].error
        assert error
        assert "is already the thumbnail of" in error.reason
        settled()
