"""`thumbnailer gallery` for thumbnails in object storage, or of pictures there: as on a disk."""

from __future__ import annotations

import json
import os
import re
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

import pytest
from PIL import ExifTags, Image
from support.flaky_proxy import interfering
from support.pictures import picture
from support.program import Run, thumbnailer
from support.s3_server import Storage, photos_in, settled, statuses
from support.thumbhash import shows_quarters

from thumbnailer import OutputError, Settings, write_gallery

pytest.importorskip("obstore", reason="the extra s3 is not installed")

pytestmark = pytest.mark.extra

NAME, URL, BYTES, MTIME, WIDTH, HEIGHT, TAKEN, PLACEHOLDER, SIZES = range(9)

ODD = [
    "a+b.jpg",
    "100% #1?.jpg",
    "a:b.jpg",
    "größe 東京.jpg",
    "<script>alert(1).jpg",
    "a&b=c'd\".jpg",
]


def gallery(source: str, output: str | Path, *options: str) -> Run:
    run = thumbnailer("gallery", "--json", source, "--output", output, *options)
    assert "Traceback" not in run.err
    return run


def lines(page: bytes) -> list[dict[str, Any]]:
    found = re.findall(rb'<script type="application/json" [^>]*>(.*)</script>', page)
    return [json.loads(one) for one in found]


def rows(page: bytes) -> dict[str, list[Any]]:
    """What the page knows of each picture, by its path below the root."""
    return {
        os.path.join(line["path"], row[NAME]): row for line in lines(page) for row in line["rows"]
    }


def links(page: bytes, at: str) -> list[str]:
    """The keys that the page leads to from its own: pictures, then thumbnails."""
    found = []
    for line in lines(page):
        for row in line["rows"]:
            name = row[URL] or row[NAME]
            found += [line["source"] + name] if line["source"] else []
            for number, thumbs in enumerate(line["thumbs"]):
                found.append(thumbs + (row[SIZES][4 * number + 3] or name))
    assert not [url for url in found if urlsplit(url).scheme or url.startswith("/")]
    return [unquote(urlsplit(urljoin(f"https://example.net/{at}", url)).path)[1:] for url in found]


def dated(path: Path, size: tuple[int, int]) -> bytes:
    """A JPEG with the date of its taking, and so much behind its header that a part will do."""
    exif = Image.Exif()
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = "2024:05:01 12:30:00"
    return picture(path, size, exif=exif.tobytes()).read_bytes()


@pytest.fixture
def trees(storage: Storage, tmp_path: Path) -> tuple[str, str]:
    """Two pictures with thumbnails of two sizes, and one that failed."""
    storage.put("photos/a.jpg", dated(tmp_path / "a.jpg", (600, 400)) + bytes(1 << 20))
    photos_in(storage, tmp_path, "photos/2024/b.png")
    storage.put("photos/2024/bad.jpg", b"some text")
    settled()
    trees = f"{storage.url}/photos", f"{storage.url}/thumbs"
    made = statuses(*trees, size=["64", "32"])
    assert made == {"a.jpg": "made", "b.png": "made", "bad.jpg": "failed"}
    return trees


TWO_SIZES = "--size", "64", "--size", "32"


def test_the_page_is_put_beside_the_thumbnails(storage: Storage, trees: tuple[str, str]) -> None:
    run = gallery(*trees, *TWO_SIZES)
    assert (run.code, run.err) == (0, "")
    (row,) = run.rows
    assert row["page"] == f"{trees[1]}/index.html"
    counts = ("pictures", "folders", "failed", "missing", "looked", "status")
    assert [row[name] for name in counts] == [2, 2, 1, 0, 2, "written"]
    head = storage.head("thumbs/index.html")
    assert head["ContentType"] == "text/html; charset=utf-8"
    assert head["CacheControl"] == "no-cache"
    page = storage.get("thumbs/index.html")
    assert len(page) == row["bytes"]
    (failed,) = (one for line in lines(page) for one in line["without"])
    assert failed == ["bad.jpg", "", "is text, no picture", True]


def test_it_knows_sizes_dates_and_placeholders(storage: Storage, trees: tuple[str, str]) -> None:
    gallery(*trees, *TWO_SIZES)
    found = rows(storage.get("thumbs/index.html"))
    assert found["a.jpg"][WIDTH:PLACEHOLDER] == [600, 400, "2024-05-01 12:30:00"]
    assert found["2024/b.png"][WIDTH:PLACEHOLDER] == [96, 64, ""]
    for row, sizes in ((found["a.jpg"], (64, 43, 32, 21)), (found["2024/b.png"], (64, 43, 32, 21))):
        assert shows_quarters(row[PLACEHOLDER])
        assert (*row[SIZES][:2], *row[SIZES][4:6]) == sizes
    key = "thumbs/32/a.jpg"
    assert found["a.jpg"][SIZES][6] == storage.head(key)["ContentLength"]


def test_it_reads_no_more_of_a_picture_than_its_header(
    storage: Storage, trees: tuple[str, str]
) -> None:
    ranges = []

    def mood(method: str, target: Any) -> str:
        if method == "GET" and "/photos/a.jpg" in target:
            ranges.append({name.lower(): one for name, one in target.headers.items()}["range"])
        return ""

    with interfering(storage.endpoint, mood) as endpoint:
        assert gallery(*trees, *TWO_SIZES, "--endpoint", endpoint).code == 0
    assert ranges == ["bytes=0-262143"]


def test_each_picture_costs_a_get_of_its_start_and_one_request_a_thumbnail(
    storage: Storage, trees: tuple[str, str]
) -> None:
    with storage.counted() as count:
        gallery(*trees, *TWO_SIZES)
    # 2 pictures and their smallest thumbnails, and the page that is not there yet.
    assert (count["GET"], count["HEAD"], count["PUT"]) == (5, 2, 1)


def test_a_second_page_costs_listings_and_a_get(storage: Storage, trees: tuple[str, str]) -> None:
    gallery(*trees, *TWO_SIZES)
    before = storage.head("thumbs/index.html")
    with storage.counted() as count:
        (row,) = gallery(*trees, *TWO_SIZES).rows
    assert (row["status"], row["looked"]) == ("current", 0)
    assert count == {"LIST": count["LIST"], "GET": 1}
    after = storage.head("thumbs/index.html")
    assert (after["ETag"], after["LastModified"]) == (before["ETag"], before["LastModified"])


def test_only_what_has_changed_is_looked_at(
    storage: Storage, trees: tuple[str, str], tmp_path: Path
) -> None:
    gallery(*trees, *TWO_SIZES)
    storage.put("photos/2024/b.png", picture(tmp_path / "b.png", (90, 90)).read_bytes())
    settled()
    statuses(*trees, size=["64", "32"])
    (row,) = gallery(*trees, *TWO_SIZES).rows
    assert (row["status"], row["looked"]) == ("written", 1)
    found = rows(storage.get("thumbs/index.html"))
    assert found["2024/b.png"][WIDTH:TAKEN] == [90, 90]
    assert found["2024/b.png"][SIZES][:2] == [64, 64]
    assert found["a.jpg"][WIDTH:TAKEN] == [600, 400]


def test_sizes_of_thumbnails_that_earlier_versions_made_are_seen_in_them(
    storage: Storage, trees: tuple[str, str]
) -> None:
    for key in ("thumbs/64/a.jpg", "thumbs/32/a.jpg"):
        metadata = storage.head(key)["Metadata"]
        del metadata["thumbnailersize"]
        data = storage.get(key)
        storage.client.put_object(Bucket=storage.name, Key=key, Body=data, Metadata=metadata)
    gallery(*trees, *TWO_SIZES)
    sizes = rows(storage.get("thumbs/index.html"))["a.jpg"][SIZES]
    assert (*sizes[:2], *sizes[4:6]) == (64, 43, 32, 21)


def test_what_may_not_be_known_of_a_picture_is_left_out(
    storage: Storage, trees: tuple[str, str]
) -> None:
    """It is not asked for again: only the thumbnails may be read, say."""

    def mood(method: str, target: str) -> str:
        return "denied" if method == "GET" and "/photos/a.jpg" in target else ""

    with interfering(storage.endpoint, mood) as endpoint:
        assert gallery(*trees, *TWO_SIZES, "--endpoint", endpoint).code == 0
        assert gallery(*trees, *TWO_SIZES, "--endpoint", endpoint).rows[0]["looked"] == 0
    row = rows(storage.get("thumbs/index.html"))["a.jpg"]
    assert row[WIDTH:PLACEHOLDER] == [0, 0, ""]
    assert row[SIZES][:2] == [64, 43]


def test_what_lies_behind_the_start_of_a_picture_is_left_out(
    storage: Storage, tmp_path: Path
) -> None:
    data = picture(tmp_path / "a.jpg", (600, 400)).read_bytes()
    comment = b"\xff\xfe\xff\xff" + bytes(65533)
    storage.put("photos/a.jpg", data[:2] + 5 * comment + data[2:])
    storage.put("photos/b.jpg", data[:2] + 3 * comment + data[2:])
    settled()
    where = f"{storage.url}/photos", f"{storage.url}/thumbs"
    assert set(statuses(*where).values()) == {"made"}
    assert gallery(*where).code == 0
    found = rows(storage.get("thumbs/index.html"))
    assert found["a.jpg"][WIDTH:TAKEN] == [0, 0]
    assert found["b.jpg"][WIDTH:TAKEN] == [600, 400]
    assert found["a.jpg"][SIZES][:2] == found["b.jpg"][SIZES][:2] == [256, 171]


def test_what_fails_for_now_is_asked_for_again(storage: Storage, trees: tuple[str, str]) -> None:
    def mood(method: str, target: str) -> str:
        return "denied" if method == "GET" and "/thumbs/32/a.jpg" in target else ""

    with interfering(storage.endpoint, mood) as endpoint:
        assert gallery(*trees, *TWO_SIZES, "--endpoint", endpoint).code == 0
    assert gallery(*trees, *TWO_SIZES).rows[0]["looked"] == 1
    assert rows(storage.get("thumbs/index.html"))["a.jpg"][SIZES][:2] == [64, 43]


def test_a_page_of_somebody_else_is_in_the_way(storage: Storage, trees: tuple[str, str]) -> None:
    storage.put("thumbs/index.html", b"<h1>My own</h1>")
    run = gallery(*trees, *TWO_SIZES)
    words = f"{trees[1]}/index.html is in the way: it was not made by thumbnailer"
    assert (run.code, run.err) == (1, f"thumbnailer: {words}\n")
    run = thumbnailer("make", trees[0], "--output", trees[1], "--gallery", "--size", "16")
    assert (run.code, run.out) == (1, ""), "before anything is made"
    assert storage.get("thumbs/index.html") == b"<h1>My own</h1>"


def test_a_page_that_is_put_meanwhile_stays(storage: Storage, trees: tuple[str, str]) -> None:
    def mood(method: str, target: str) -> str:
        if method == "GET" and "/thumbs/32/a.jpg" in target:
            storage.put("thumbs/index.html", b"another's")
        return ""

    with interfering(storage.endpoint, mood) as endpoint:
        run = gallery(*trees, *TWO_SIZES, "--endpoint", endpoint)
    words = f"{trees[1]}/index.html: another one has been put there meanwhile"
    assert (run.code, run.err) == (1, f"thumbnailer: {words}\n")
    assert storage.get("thumbs/index.html") == b"another's"


def test_make_writes_it_after_the_run(storage: Storage, tmp_path: Path) -> None:
    photos_in(storage, tmp_path, "photos/a.jpg")
    settled()
    where = f"{storage.url}/photos", "--output", f"{storage.url}/thumbs"
    assert thumbnailer("make", *where, "--gallery").code == 0
    assert [*rows(storage.get("thumbs/index.html"))] == ["a.jpg"]


@pytest.mark.parametrize("source", ["photos", ""])
def test_its_links_are_relative_and_encoded(storage: Storage, tmp_path: Path, source: str) -> None:
    data = picture(tmp_path / "a.jpg").read_bytes()
    keys = [f"{source}/{folder}{name}".lstrip("/") for folder in ("", "ü/1 + 1/") for name in ODD]
    for key in keys:
        storage.put(key, data)
    settled()
    where = f"{storage.url}/{source}".rstrip("/"), f"{storage.url}/web/thumbs/"
    statuses(*where)
    assert gallery(*where).code == 0
    page = storage.get("web/thumbs/index.html")
    found = links(page, "web/thumbs/index.html")
    assert len(found) == 4 * len(ODD)
    assert sorted([*found, "web/thumbs/index.html"]) == storage.keys("")


@pytest.mark.parametrize("places", ["disk to bucket", "bucket to disk", "bucket to another"])
def test_where_no_link_leads_to_the_pictures_there_is_none(
    storage: Storage, tmp_path: Path, places: str
) -> None:
    storage.put("photos/a.jpg", dated(tmp_path / "a.jpg", (600, 400)))
    photos, thumbs = f"{storage.url}/photos", f"{storage.url}/thumbs"
    if places.startswith("disk"):
        (tmp_path / "photos").mkdir()
        (tmp_path / "a.jpg").rename(tmp_path / "photos" / "a.jpg")
        photos = str(tmp_path / "photos")
    if places.endswith("disk"):
        thumbs = str(tmp_path / "thumbs")
    if places.endswith("another"):
        storage.client.create_bucket(Bucket=f"{storage.name}-web")
        thumbs = f"{storage.url}-web/thumbs"
    settled()
    assert statuses(photos, thumbs) == {"a.jpg": "made"}
    assert gallery(photos, thumbs).rows[0]["looked"] == 1
    if places.endswith("disk"):
        page = Path(thumbs, "index.html").read_bytes()
    elif places.endswith("another"):
        got = storage.client.get_object(Bucket=f"{storage.name}-web", Key="thumbs/index.html")
        page = got["Body"].read()
    else:
        page = storage.get("thumbs/index.html")
    assert [line["source"] for line in lines(page)] == [""]
    assert links(page, "thumbs/index.html") == ["thumbs/a.jpg"]
    row = rows(page)["a.jpg"]
    assert row[WIDTH:PLACEHOLDER] == [600, 400, "2024-05-01 12:30:00"]
    assert row[SIZES][:2] == [256, 171]
    (again,) = gallery(photos, thumbs).rows
    assert (again["status"], again["looked"]) == ("current", 0)


@pytest.mark.parametrize("which", ["photos", "thumbs"])
def test_half_a_listing_makes_no_page(storage: Storage, trees: tuple[str, str], which: str) -> None:
    gallery(*trees, *TWO_SIZES)
    before, asked = storage.get("thumbs/index.html"), 0

    def mood(_: str, target: str) -> str:
        nonlocal asked
        is_listing = "list-type" in target and f"prefix={which}" in target
        asked += is_listing
        return "denied" if is_listing and asked > 1 else ""

    with interfering(storage.endpoint, mood, page_keys=2) as endpoint:
        run = gallery(*trees, *TWO_SIZES, "--endpoint", endpoint)
    assert run.code == 1
    assert "access is denied" in run.err
    assert storage.get("thumbs/index.html") == before


@pytest.mark.parametrize("what", ["LIST of thumbs", "GET of index.html", "GET of a.jpg"])
def test_it_waits_for_no_answer_once_it_is_stopped(
    storage: Storage, trees: tuple[str, str], what: str
) -> None:
    """And puts no page of what it has not seen."""
    stop = threading.Event()

    def mood(method: str, target: str) -> str:
        verb, _, name = what.partition(" of ")
        kind = "LIST" if "list-type" in target else method
        if kind == verb and name in target:
            stop.set()
        return "hang" if stop.is_set() else ""

    with interfering(storage.endpoint, mood) as endpoint:
        settings = Settings(output=trees[1], endpoint=endpoint, size=["64", "32"])
        started = time.monotonic()
        write_gallery(trees[0], settings, stop_event=stop)
        assert time.monotonic() - started < 5
    assert "thumbs/index.html" not in storage.keys("thumbs/")


@pytest.mark.parametrize("place", ["/photos/a.jpg", "/thumbs/32/", "/thumbs/64/"])
def test_credentials_that_expire_end_it(
    storage: Storage, trees: tuple[str, str], place: str
) -> None:
    def mood(_: str, target: str) -> str:
        return "expired" if place in target else ""

    with interfering(storage.endpoint, mood) as endpoint:
        run = gallery(*trees, *TWO_SIZES, "--endpoint", endpoint)
    assert run.code == 1
    assert run.err.startswith("thumbnailer: stopped early: the credentials have expired")
    assert "thumbs/index.html" not in storage.keys("thumbs/")


def test_a_program_gets_what_the_command_shows(storage: Storage, trees: tuple[str, str]) -> None:
    report = write_gallery(trees[0], output=trees[1], size=["64", "32"])
    (page,) = report.pages
    assert (page.path, page.pictures) == (f"{trees[1]}/index.html", 2)
    storage.put("thumbs/index.html", b"")
    with pytest.raises(OutputError, match="in the way"):
        write_gallery(trees[0], output=trees[1], size=["64", "32"])
