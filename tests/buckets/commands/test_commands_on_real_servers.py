"""The commands that look after thumbnails on servers of three kinds: see `test_real_servers`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.cloud import Cloud
from support.pictures import picture
from support.s3_server import photos_in, settled, statuses

from thumbnailer import explain, verify, write_gallery

pytestmark = [pytest.mark.slow, pytest.mark.extra]


@pytest.fixture
def source(cloud: Cloud, tmp_path: Path) -> str:
    """Two pictures with thumbnails in `thumbs`."""
    photos_in(cloud, tmp_path, "photos/a.jpg", "photos/2024/b.png")
    settled()
    made = statuses(f"{cloud.url}/photos", f"{cloud.url}/thumbs", **cloud.settings)
    assert made == {"a.jpg": "made", "b.png": "made"}
    return f"{cloud.url}/photos"


@pytest.fixture
def settings(cloud: Cloud) -> dict[str, Any]:
    return {"output": f"{cloud.url}/thumbs", **cloud.settings}


def test_a_picture_is_explained(cloud: Cloud, source: str, settings: dict[str, Any]) -> None:
    found = explain(f"{source}/2024/b.png", root=source, **settings)
    assert getattr(found.description, "size", None) == (96, 64)
    assert [(one.path, one.state) for one in found.thumbnails] == [
        (f"{cloud.url}/thumbs/2024/b.png.jpg", "current")
    ]


def test_thumbnails_are_verified_and_made_anew(
    cloud: Cloud, source: str, settings: dict[str, Any], tmp_path: Path
) -> None:
    assert verify(source, **settings).whole == 2
    before = cloud.get("thumbs/a.jpg")
    cloud.put("thumbs/a.jpg", picture(tmp_path / "other.jpg", (40, 30)).read_bytes())
    (finding,) = verify(source, **settings).findings
    assert finding.status == "wrong"
    assert finding.reason.endswith("/thumbs/a.jpg is in the way: it was not made by thumbnailer")
    report = verify(source, fix=True, replace=True, **settings)
    assert (report.whole, report.fixed) == (1, 1)
    assert cloud.get("thumbs/a.jpg") == before
    assert cloud.attributes("thumbs/a.jpg")["thumbnailersize"] == "96x64"
    assert verify(source, **settings).whole == 2


def test_a_page_is_put_and_put_anew(
    cloud: Cloud, source: str, settings: dict[str, Any], tmp_path: Path
) -> None:
    large = picture(tmp_path / "large.jpg", (600, 400)).read_bytes() + bytes(1 << 20)
    cloud.put("photos/large.jpg", large)
    settled()
    statuses(source, **settings)
    (page,) = write_gallery(source, **settings).pages
    assert (page.status, page.pictures, page.looked) == ("written", 3, 3)
    attributes = cloud.attributes("thumbs/index.html")
    assert attributes["Content-Type"] == "text/html; charset=utf-8"
    assert attributes["Cache-Control"] == "no-cache"
    text = cloud.get("thumbs/index.html")
    assert b'["large.jpg","",%d,' % len(large) in text
    assert b",600,400," in text
    before = cloud.etags()
    assert write_gallery(source, **settings).pages[0].status == "current"
    assert cloud.etags() == before
    cloud.delete("photos/large.jpg")
    (page,) = write_gallery(source, **settings).pages
    assert (page.status, page.pictures, page.looked) == ("written", 2, 0)
