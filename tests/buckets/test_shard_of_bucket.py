"""Several machines share a run over a bucket: each takes one shard of the objects."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.pictures import tree
from support.s3_server import Storage, settled
from support.shards import (
    COUNT,
    NAMES,
    apart,
    contents,
    every,
    run_at_once,
    run_shards,
    shard_of,
    statuses_of,
)

from thumbnailer import iter_thumbnails, make_thumbnails

pytest.importorskip("obstore", reason="the extra s3 is not installed")

pytestmark = pytest.mark.extra


@pytest.fixture
def photos(storage: Storage, tmp_path: Path) -> str:
    """The URL of pictures that are in a folder, too."""
    tree(tmp_path / "photos", *NAMES)
    for name in NAMES:
        storage.put(f"photos/{name}", (tmp_path / "photos" / name).read_bytes())
    settled()
    return f"{storage.url}/photos"


def stored(storage: Storage, prefix: str) -> dict[str, bytes]:
    return {key.removeprefix(prefix): storage.get(key) for key in storage.keys(prefix)}


def test_all_shards_make_what_one_run_makes(storage: Storage, photos: str) -> None:
    alone, shared = (f"{storage.url}/{name}" for name in ("alone", "shared"))
    expected = {one.source.path: one.status for one in iter_thumbnails(photos, output=alone)}
    found = {path: one.status for path, one in run_shards(photos, output=shared).items()}
    assert found == expected
    assert stored(storage, "shared/") == stored(storage, "alone/")
    assert len(stored(storage, "alone/")) == [*expected.values()].count("made")
    current = {path: "current" if one == "made" else one for path, one in expected.items()}
    for output in (alone, shared):
        with storage.counted() as count:
            again = run_shards(photos, output=output)
            whole = {one.source.path: one.status for one in iter_thumbnails(photos, output=output)}
        assert {path: one.status for path, one in again.items()} == whole == current
        assert {*count} <= {"LIST", "HEAD"}


def test_a_folder_and_the_same_tree_in_a_bucket_have_the_same_shards(
    photos: str, tmp_path: Path
) -> None:
    for shard in every(COUNT):
        taken = [
            {
                one.source.path.removeprefix(f"{root}/")
                for one in iter_thumbnails(root, shard=shard, dry_run=True, output=tmp_path / "out")
            }
            for root in (photos, str(tmp_path / "photos"))
        ]
        assert (
            taken[0] == taken[1] == {n for n in NAMES if f"{shard_of(n, COUNT)}/{COUNT}" == shard}
        )
    name = "0/IMG_0000.jpg"
    number = shard_of("IMG_0000.jpg", 2)  # a SOURCE itself
    found = [[*iter_thumbnails(f"{photos}/{name}", shard=k, output=tmp_path)] for k in every(2)]
    assert [len(one) for one in found] == [number == 1, number == 2]


def test_from_a_bucket_to_a_folder(photos: str, tmp_path: Path) -> None:
    make_thumbnails(photos, output=tmp_path / "alone")
    run_shards(photos, output=tmp_path / "shared")
    assert contents(tmp_path / "shared") == contents(tmp_path / "alone")


def test_all_at_the_same_time_lose_nothing(storage: Storage, photos: str) -> None:
    make_thumbnails(photos, output=f"{storage.url}/alone")
    runs = run_at_once(4, photos, "--output", f"{storage.url}/shared")
    assert set(statuses_of(runs, photos)) == set(NAMES)
    assert stored(storage, "shared/") == stored(storage, "alone/")
    report = make_thumbnails(photos, output=f"{storage.url}/shared")
    assert report.current == report.found - report.failed == len(stored(storage, "shared/"))


def test_a_conflict_between_shards_is_no_wrong_thumbnail(storage: Storage, photos: str) -> None:
    """A bucket has no ledger: nothing but the names of the others tells whose a thumbnail is."""
    count = apart("a.png", "a.png.jpg")
    output = f"{storage.url}/thumbs"
    for name, expected in (("a.png.jpg", "failed"), ("a.png", "made"), ("a.png.jpg", "failed")):
        found = iter_thumbnails(photos, output=output, shard=f"{shard_of(name, count)}/{count}")
        (outcome,) = (one for one in found if one.source.path == f"{photos}/{name}")
        assert outcome.status == expected
        if outcome.error:
            assert outcome.error.reason == (
                f"{output}/a.png.jpg is already the thumbnail of {photos}/a.png"
            )


def test_only_its_own_objects_are_fetched(storage: Storage, photos: str) -> None:
    own = [name for name in NAMES if shard_of(name, COUNT) == 2]
    with storage.counted() as count:
        report = make_thumbnails(photos, output=f"{storage.url}/thumbs", shard="2/3")
    assert report.found == len(own)
    assert count["GET"] == count["PUT"] == report.made
    assert report.notes == ["shard 2 of 3"]
