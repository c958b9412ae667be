"""What prune, clean and status do when a bucket does not answer as it should, or changes meanwhile:
no thumbnail goes whose picture may be there."""

from __future__ import annotations

import threading
from collections import Counter
from pathlib import Path

import pytest
from support.flaky_proxy import Target, interfering
from support.places import Places, place_of, places_of
from support.program import Run, make, thumbnailer
from support.s3_server import Storage, settled

from thumbnailer import Settings, SourceError, prune, status
from thumbnailer.operations.removal.prune import find_orphaned, remove_found

pytest.importorskip("obstore", reason="the extra s3 is not installed")

pytestmark = pytest.mark.extra

NAMES = [f"{n}/photo.jpg" for n in range(8)]


@pytest.fixture(params=["bucket-bucket", "bucket-disk"])
def places(request: pytest.FixtureRequest, storage: Storage, tmp_path: Path) -> Places:
    """Pictures with thumbnails, of which two have lost theirs."""
    found = places_of(request.param, storage, tmp_path)
    found.put(*NAMES)
    settled()
    make(*found.arguments)
    found.photos.remove("3/photo.jpg", "5/photo.jpg")
    return found


def pruned(places: Places, *options: str) -> Run:
    return thumbnailer("prune", *places.arguments, *options)


def test_a_listing_that_breaks_off_is_no_deletion(places: Places, storage: Storage) -> None:
    lists = Counter[str]()

    def mood(method: str, target: Target) -> str:
        if "list-type" not in target or "prefix=photos" not in target:
            return ""
        lists["LIST"] += 1
        return "denied" if lists["LIST"] > 1 else ""

    with interfering(storage.endpoint, mood, page_keys=4) as endpoint:
        run = pruned(places, "--endpoint", endpoint)
        assert (run.code, run.out) == (1, "")
        assert "can't be listed: access is denied" in run.err
        lists.clear()
        options = {"output": places.thumbs.path, "endpoint": endpoint}
        report = status(places.photos.path, **options)  # type: ignore[arg-type]
        assert (report.failed, report.orphaned) == (1, 0)
    assert places.thumbs.names() == NAMES


def test_a_picture_that_can_not_be_asked_for_keeps_its_thumbnail(
    places: Places, storage: Storage
) -> None:
    def mood(method: str, target: Target) -> str:
        return "denied" if method == "HEAD" and "/photos/3/" in target else ""

    with interfering(storage.endpoint, mood) as endpoint:
        run = pruned(places, "--endpoint", endpoint)
    assert run.code == 0
    assert run.out.startswith("8 thumbnails, 1 orphaned, 1 removed, 1 kept")
    assert run.err.startswith("kept: ")
    assert "3/photo.jpg can't be looked for: access is denied" in run.err
    assert places.thumbs.names() == [name for name in NAMES if name[0] != "5"]


def test_what_is_uploaded_meanwhile_keeps_its_thumbnail(places: Places) -> None:
    settings = Settings(output=places.thumbs.path)
    findings = find_orphaned(places.photos.path, settings)
    assert findings.orphaned == 2
    places.put("3/photo.jpg")
    removals = [*remove_found(findings, settings)]
    assert [one.source for one in removals] == [f"{places.photos.path}/5/photo.jpg"]
    assert places.thumbs.names() == [name for name in NAMES if name[0] != "5"]


def test_a_stale_thumbnail_that_is_made_anew_meanwhile_stays(places: Places) -> None:
    make(*places.arguments, "--format", "webp")
    settings = Settings(output=places.thumbs.path)
    findings = find_orphaned(places.photos.path, settings, stale=True)
    assert findings.stale_files == 6
    settled()
    make(*places.arguments, "--format", "webp", "--size", "64", "--force", "--include", "1/**")
    removals = [*remove_found(findings, settings, yes=True)]
    assert len(removals) == 2 + 5
    assert "1/photo.jpg.webp" in places.thumbs.names()


@pytest.mark.parametrize("where", ["HEAD /small/", "HEAD /photos/", "POST ?delete", "GET small"])
def test_credentials_that_expire_end_it_with_words_to_go_on(
    storage: Storage, tmp_path: Path, where: str
) -> None:
    places = places_of("bucket-bucket", storage, tmp_path)
    places.put(*NAMES)
    settled()
    make(*places.arguments)
    places.photos.remove("3/photo.jpg", "5/photo.jpg")
    method, part = where.split()

    def mood(asked: str, target: Target) -> str:
        is_meant = method == asked or (method, asked) == ("HEAD", "GET")
        return "expired" if is_meant and part in target else ""

    with interfering(storage.endpoint, mood) as endpoint:
        run = pruned(places, "--endpoint", endpoint)
    assert run.code == 1
    assert run.err.splitlines()[-1].endswith("renew them, and run the same again: it goes on")
    assert run.err.count("expired") <= 2
    assert len(places.thumbs.names()) == 8
    assert pruned(places).out.startswith("8 thumbnails, 2 orphaned, 2 removed")


def test_what_can_not_be_deleted_is_told(storage: Storage, tmp_path: Path) -> None:
    places = places_of("bucket-bucket", storage, tmp_path)
    places.put(*NAMES)
    make(*places.arguments)
    places.photos.remove("3/photo.jpg", "5/photo.jpg")

    def mood(method: str, target: Target) -> str:
        return "denied" if method in ("DELETE", "POST") else ""

    with interfering(storage.endpoint, mood) as endpoint:
        run = pruned(places, "--endpoint", endpoint)
    assert run.code == 3
    assert run.out.startswith("8 thumbnails, 2 orphaned, 0 removed, 2 failed")
    line = "failed: {}/{}/photo.jpg: access is denied (SignatureDoesNotMatch)\n"
    assert run.err == "".join(line.format(places.thumbs.path, n) for n in (3, 5))


def test_only_what_nothing_asks_for_is_looked_at(storage: Storage, tmp_path: Path) -> None:
    places = places_of("bucket-bucket", storage, tmp_path)
    places.put(*NAMES)
    make(*places.arguments)
    places.photos.remove("3/photo.jpg", "5/photo.jpg")
    with storage.counted() as count:
        pruned(places)
    assert count["HEAD"] == 2 + 2 + 2, "each thumbnail, and twice its picture"
    assert count["GET"] == 0
    with storage.counted() as count:
        pruned(places)
    assert set(count) == {"LIST"}


def test_thumbnails_that_do_not_say_whose_they_are_stay(storage: Storage, tmp_path: Path) -> None:
    """Those of earlier versions; and those of pictures with very long keys."""
    places = places_of("bucket-bucket", storage, tmp_path)
    long = "/".join(["ü" * 100] * 4) + "/photo.jpg"
    places.put(*NAMES, long)
    settled()
    make(*places.arguments)
    metadata = storage.head("small/3/photo.jpg")["Metadata"]
    del metadata["thumbnailerorigin"]
    data = storage.get("small/3/photo.jpg")
    storage.client.put_object(
        Bucket=storage.name, Key="small/3/photo.jpg", Body=data, Metadata=metadata
    )
    places.photos.remove("3/photo.jpg", long, "5/photo.jpg")
    run = pruned(places)
    assert run.code == 0
    assert run.out.startswith("7 thumbnails, 1 orphaned, 1 removed, 1 kept")
    assert "2 of its thumbnails don't say of which picture they are" in run.err
    run = thumbnailer("clean", *places.arguments, "--yes")
    assert places.thumbs.all_names() == []


def test_a_whole_bucket_that_is_empty_is_no_deletion(storage: Storage, tmp_path: Path) -> None:
    places = places_of("bucket-disk", storage, tmp_path)
    places.put(*NAMES)
    make(storage.url, "--output", places.thumbs.path)
    places.photos.remove(*NAMES)
    with pytest.raises(SourceError, match=r"is empty; .* has 8 of it"):
        prune(storage.url, output=places.thumbs.path, yes=True)
    assert len(places.thumbs.names()) == 8


def test_the_output_may_lie_in_the_source(storage: Storage, tmp_path: Path) -> None:
    photos = place_of("bucket", "photos", storage, tmp_path)
    thumbs = place_of("bucket", "photos/small", storage, tmp_path)
    places = Places(photos, thumbs, tmp_path / "samples")
    places.put("a.jpg", "b.jpg", "z/c.jpg")
    make(*places.arguments)
    photos.remove("b.jpg")
    assert pruned(places).out.startswith("3 thumbnails, 1 orphaned, 1 removed")
    assert thumbs.names() == ["a.jpg", "z/c.jpg"]
    thumbnailer("clean", *places.arguments, "--yes")
    assert photos.all_names() == ["a.jpg", "z/c.jpg"]


def test_several_sources_are_told_apart(storage: Storage, tmp_path: Path) -> None:
    one, two = (place_of("bucket", name, storage, tmp_path) for name in ("one", "in/two"))
    three = place_of("disk", "three", storage, tmp_path)
    thumbs = place_of("bucket", "small", storage, tmp_path)
    for place in (one, two, three):
        own = Places(place, thumbs, tmp_path / "samples")
        own.put("a.jpg", "b/c.png", "d.jpg")
    sources = one.path, two.path, three.path
    arguments = (*sources, "--output", thumbs.path)
    settled()
    make(*arguments)
    assert len(thumbs.names()) == 9
    one.remove("a.jpg")
    two.remove("b/c.png")
    three.remove("d.jpg")
    report = status(sources, output=thumbs.path)
    assert (report.orphaned, report.current, report.thumbnails) == (3, 6, 9)
    run = thumbnailer("prune", one.path, "--output", thumbs.path)
    assert run.out.startswith("3 thumbnails, 1 orphaned, 1 removed")
    run = thumbnailer("prune", *arguments)
    assert run.out.startswith("8 thumbnails, 2 orphaned, 2 removed")
    gone = {"one/a.jpg", "two/b/c.png.jpg", "three/d.jpg"}
    assert not gone & {*thumbs.names()}
    assert len(thumbs.names()) == 6


def test_a_stop_leaves_the_rest(storage: Storage, tmp_path: Path) -> None:
    places = places_of("bucket-bucket", storage, tmp_path)
    places.put(*NAMES)
    make(*places.arguments)
    places.photos.remove("3/photo.jpg", "5/photo.jpg")
    settings, stop = Settings(output=places.thumbs.path), threading.Event()
    findings = find_orphaned(places.photos.path, settings, stop=stop)
    stop.set()
    assert [*remove_found(findings, settings, stop=stop)] == []
    assert len(places.thumbs.names()) == 8


def test_sizes_and_failures_are_seen_to(storage: Storage, tmp_path: Path) -> None:
    places = places_of("bucket-bucket", storage, tmp_path)
    places.put(*NAMES)
    places.photos.put("bad.jpg", b"no picture at all")
    settled()
    sizes = "--size", "64", "--size", "32"
    run = thumbnailer("make", *places.arguments, *sizes)
    assert run.code == 3
    places.photos.remove("3/photo.jpg")
    run = thumbnailer("status", *places.arguments, *sizes, "--json")
    assert '"current": 14, ' in run.out
    assert '"orphaned": 2, ' in run.out
    assert '"failed": 2, ' in run.out
    run = thumbnailer("prune", *places.arguments, *sizes, "--stale")
    assert run.out.startswith("16 thumbnails, 2 orphaned, 0 stale, 2 removed")
    assert storage.records("small")
    run = thumbnailer("prune", *places.arguments, "--size", "32", "--stale")
    assert run.code == 1, "half of all, and that of another layout"
