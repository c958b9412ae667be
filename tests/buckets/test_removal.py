"""prune, clean and status where pictures or thumbnails are in a bucket: as on disk."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.places import WITH_BUCKETS, Places, place_of, places_of
from support.program import Run, make, thumbnailer
from support.s3_server import Storage, settled

from thumbnailer import PruneRefused, SourceError, prune, status

pytest.importorskip("obstore", reason="the extra s3 is not installed")

pytestmark = pytest.mark.extra

MADE = ("a.jpg", "b.png", "2024/c.jpg", "2024/d.png", "2024/05/e.jpg", "x/f.jpg")
THUMBS = ["2024/05/e.jpg", "2024/c.jpg", "2024/d.png.jpg", "a.jpg", "b.png.jpg", "x/f.jpg"]


@pytest.fixture(params=WITH_BUCKETS)
def places(request: pytest.FixtureRequest, storage: Storage, tmp_path: Path) -> Places:
    """Pictures with thumbnails."""
    found = places_of(request.param, storage, tmp_path)
    found.put(*MADE)
    settled()
    make(*found.arguments)
    assert found.thumbs.names() == THUMBS
    return found


def done(*arguments: str | Path) -> Run:
    run = thumbnailer(*arguments)
    assert (run.code, run.err) == (0, "")
    return run


def test_the_thumbnails_of_deleted_pictures_go(places: Places) -> None:
    places.photos.remove("b.png", "2024/05/e.jpg")
    before = places.thumbs.all_names()
    run = done("prune", *places.arguments, "--dry-run")
    assert "6 thumbnails, 2 orphaned, 2 would be removed in" in run.out
    assert places.thumbs.all_names() == before
    run = done("prune", *places.arguments, "--json")
    expected = {"thumbnails": 6, "orphaned": 2, "removed": 2, "kept": 0, "failed": 0}
    assert expected.items() <= run.summary.items()
    assert run.statuses == {"b.png": "removed", "e.jpg": "removed"}
    left = ["2024/c.jpg", "2024/d.png.jpg", "a.jpg", "x/f.jpg"]
    assert places.thumbs.names() == left
    assert not [name for name in places.thumbs.all_names() if name.startswith("2024/05/")]
    assert done("prune", *places.arguments).out.startswith("4 thumbnails, 0 orphaned, 0 removed")
    assert [*make(*places.arguments).statuses.values()] == ["current"] * 4
    assert places.thumbs.names() == left


def test_what_other_settings_have_made_goes_if_asked_for(places: Places) -> None:
    settled()
    make(*places.arguments, "--format", "webp")
    make(*places.arguments, "--size", "64", "--size", "32")
    assert len(places.thumbs.names()) == 6 + 6 + 12
    assert done("prune", *places.arguments).out.startswith("24 thumbnails, 0 orphaned, 0 removed")
    run = thumbnailer("prune", *places.arguments, "--stale")
    assert run.code == 1
    assert "18 of 24 thumbnails are what other settings make, which is more than half" in run.err
    run = done("prune", *places.arguments, "--stale", "--yes")
    assert run.out.startswith("24 thumbnails, 0 orphaned, 18 stale, 18 removed")
    assert places.thumbs.names() == THUMBS
    assert not [name for name in places.thumbs.all_names() if name.startswith(("32/", "64/"))]


def test_thumbnails_of_pictures_that_are_left_out_are_stale(places: Places) -> None:
    options = (*places.arguments, "--exclude", "2024/**")
    assert done("prune", *options).out.startswith("6 thumbnails, 0 orphaned, 0 removed")
    assert done("prune", *options, "--stale").out.startswith("6 thumbnails, 0 orphaned, 3 stale, 3")
    assert places.thumbs.names() == ["a.jpg", "b.png.jpg", "x/f.jpg"]


def test_more_than_half_is_refused_unless_it_is_meant(places: Places) -> None:
    places.photos.remove("a.jpg", "b.png", "2024/c.jpg", "x/f.jpg")
    run = thumbnailer("prune", *places.arguments)
    assert run.code == 1
    assert run.err.startswith("thumbnailer: 4 of 6 thumbnails have no source any more")
    assert places.thumbs.names() == THUMBS
    with pytest.raises(PruneRefused):
        prune(places.photos.path, output=places.thumbs.path)
    report = prune(places.photos.path, output=places.thumbs.path, yes=True)
    assert (report.orphaned, report.removed) == (4, 4)
    assert places.thumbs.names() == ["2024/05/e.jpg", "2024/d.png.jpg"]


def test_a_source_of_which_nothing_is_left_is_no_deletion(places: Places) -> None:
    places.photos.remove(*MADE)
    for yes in (False, True):
        with pytest.raises(SourceError):
            prune(places.photos.path, output=places.thumbs.path, yes=yes)
    assert places.thumbs.names() == THUMBS


def test_a_source_that_is_not_there_is_named(places: Places) -> None:
    for command in ("prune", "clean", "status"):
        run = thumbnailer(command, f"{places.photos.path}z", *places.arguments[1:], "--quiet")
        assert run.code == 1
        assert run.err.startswith(f"thumbnailer: {places.photos.path}z: ")
    assert places.thumbs.names() == THUMBS


def test_what_others_put_there_stays(places: Places) -> None:
    places.thumbs.put("2024/own.jpg", b"the user's")
    places.thumbs.put("notes.txt", b"the user's")
    places.photos.remove("2024/c.jpg")
    assert done("prune", *places.arguments, "--stale").out.startswith(
        "6 thumbnails, 1 orphaned, 0 stale, 1 removed"
    )
    done("clean", *places.arguments, "--yes")
    assert places.thumbs.names() == ["2024/own.jpg", "notes.txt"]


def test_thumbnails_of_another_source_in_the_same_output_stay(
    places: Places, storage: Storage, tmp_path: Path
) -> None:
    kind = "bucket" if places.photos.storage else "disk"
    others = place_of(kind, "others", storage, tmp_path)
    for name in ("a2.jpg", "2024/z.jpg", "9/8.jpg"):
        others.put(name, places.photos.get("a.jpg"))
    settled()
    make(others.path, *places.arguments[1:])
    there = places.thumbs.names()
    assert len(there) == 9
    places.photos.remove("2024/c.jpg")
    run = done("prune", *places.arguments, "--stale")
    assert run.out.startswith("6 thumbnails, 1 orphaned, 0 stale, 1 removed")
    there.remove("2024/c.jpg")
    assert places.thumbs.names() == there
    done("clean", *places.arguments, "--yes")
    assert places.thumbs.names() == ["2024/z.jpg", "9/8.jpg", "a2.jpg"]
    assert {*make(others.path, *places.arguments[1:]).statuses.values()} == {"current"}


def test_status_counts_them_by_listings_alone(places: Places, storage: Storage) -> None:
    places.photos.remove("b.png", "2024/05/e.jpg")
    places.put("new.jpg")
    with storage.counted() as count:
        report = status(places.photos.path, output=places.thumbs.path)
    assert set(count) == {"LIST"}
    assert (report.pictures, report.current, report.missing, report.orphaned) == (5, 4, 1, 2)
    assert (report.stale, report.failed, report.unknown, report.thumbnails) == (0, 0, 0, 6)
    assert report.size_bytes > report.orphaned_bytes > 0
    other = status(places.photos.path, output=places.thumbs.path, format="webp")
    assert (other.current, other.missing, other.orphaned, other.thumbnails) == (0, 5, 2, 6)


def test_all_of_ours_goes_when_it_is_to_be_cleaned(places: Places) -> None:
    places.photos.remove("b.png")
    make(*places.arguments, "--size", "64", "--size", "32")
    before = places.thumbs.all_names()
    run = done("clean", *places.arguments, "--dry-run", "--json")
    assert run.summary.items() >= {"thumbnails": 16, "pages": 0, "removed": 0}.items()
    assert {row["status"] for row in run.rows} == {"would remove"}
    assert places.thumbs.all_names() == before
    run = done("clean", *places.arguments, "--yes")
    assert "16 thumbnails, 16 removed in" in run.out
    assert places.thumbs.all_names() == []
    assert [*make(*places.arguments).statuses.values()] == ["made"] * 5


def test_thumbnails_of_a_picture_that_fails_stay(places: Places) -> None:
    settled()
    places.photos.put("a.jpg", b"no picture any more")
    settled()
    assert thumbnailer("make", *places.arguments, "--format", "webp", "--quiet").code == 3
    run = done("prune", *places.arguments, "--format", "webp", "--stale", "--yes")
    assert run.out.startswith("11 thumbnails, 0 orphaned, 5 stale, 5 removed")
    assert places.thumbs.names() == sorted(
        "a.jpg" if name == "a.jpg" else f"{name}.webp" for name in MADE
    )


def test_what_is_remembered_of_another_source_stays(
    places: Places, storage: Storage, tmp_path: Path
) -> None:
    kind = "bucket" if places.photos.storage else "disk"
    others = place_of(kind, "others", storage, tmp_path)
    others.put("bad/no.jpg", b"no picture")
    assert thumbnailer("make", others.path, *places.arguments[1:], "--quiet").code == 3
    remembered = [name for name in places.thumbs.all_names() if name.startswith("bad/")]
    assert bool(remembered) == bool(places.thumbs.storage), "a ledger is no object"
    places.photos.remove("x/f.jpg")
    done("prune", *places.arguments)
    left = places.thumbs.all_names()
    assert [name for name in left if name.startswith("bad/")] == remembered
    assert not [name for name in left if name.startswith("x/")]
