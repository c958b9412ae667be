"""Objects without an ending, as Rails' ActiveStorage has them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from support.pictures import files_below
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
