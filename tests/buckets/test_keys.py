"""Keys of all kinds, on servers of three kinds."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.cloud import Cloud
from support.odd_keys import put_raw
from support.pictures import files_below
from support.s3_server import Storage, photos_in, settled, statuses, statuses_by_path

from thumbnailer import SourceError, make_thumbnails

pytestmark = [pytest.mark.slow, pytest.mark.extra]

# What keys and URLs have to quote, and what some services quote once too often.
ODD_NAMES = (
    "a b.jpg",
    "Grüße ñ.jpg",
    "100%.jpg",
    "c%20d.jpg",
    "#1.jpg",
    "e?f+g.jpg",
    "h&i=j.jpg",
)

# As far as the servers keep them: SeaweedFS cleans those that are no paths, and Azurite can't list
# control characters.
ODD_KEYS = {
    "s3": {"photos/t\tab.jpg", "photos/\x01.jpg"},
    "az": {"photos/a//b.jpg", "photos/slash.jpg/", "/photos/lead.jpg", "//b.jpg"},
}
ODD_KEYS["gs"] = ODD_KEYS["s3"] | ODD_KEYS["az"] | {"photos/./c.jpg", "photos/../d.jpg"}


def test_a_key_that_is_no_path_spoils_no_neighbour(cloud: Cloud, tmp_path: Path) -> None:
    photos_in(cloud, tmp_path, "photos/a.jpg", "photos/z.jpg")
    odd = ODD_KEYS[cloud.url[:2]]
    for key in odd:
        put_raw(cloud, key, cloud.get("photos/a.jpg"))
    found = statuses_by_path(cloud.url, tmp_path / "thumbs", **cloud.settings)
    keys = {path.removeprefix(f"{cloud.url}/"): status for path, status in found.items()}
    assert {key for key, status in keys.items() if status == "made"} == {
        "photos/a.jpg",
        "photos/z.jpg",
    }
    assert {key for key, status in keys.items() if status == "skipped"} == odd


def test_names_of_any_characters(cloud: Cloud, tmp_path: Path) -> None:
    """The same on a disk and in a bucket, and neither quoted nor unquoted on their way."""
    names = {f"Ä ö/{name}" for name in ODD_NAMES}
    photos_in(cloud, tmp_path, *(f"photos/{name}" for name in names))
    settled()
    where = f"{cloud.url}/photos", f"{cloud.url}/thumbs"
    assert statuses(*where, **cloud.settings) == dict.fromkeys(ODD_NAMES, "made")
    assert {*cloud.keys("thumbs")} == {f"thumbs/{name}" for name in names}
    assert statuses(*where, **cloud.settings) == dict.fromkeys(ODD_NAMES, "current")
    there, back = tmp_path / "pictures" / "photos", tmp_path / "back"
    assert set(statuses(f"{cloud.url}/photos", back, **cloud.settings).values()) == {"made"}
    assert files_below(back) == names
    assert set(statuses(there, f"{cloud.url}/out", **cloud.settings).values()) == {"made"}
    assert {*cloud.keys("out")} == {f"out/{name}" for name in names}


def test_keys_may_be_listed_in_the_order_of_a_tree(cloud: Cloud, tmp_path: Path) -> None:
    """As SeaweedFS does: all of `x/` comes before `x-1`."""
    names = ("x/1.jpg", "x/2.jpg", "x-1.jpg", "x.jpg", "x-1/1.jpg", "y.jpg")
    photos_in(cloud, tmp_path, *(f"photos/{name}" for name in names))
    settled()
    where = f"{cloud.url}/photos", f"{cloud.url}/thumbs"
    urls = {f"{cloud.url}/photos/{name}" for name in names}
    assert statuses_by_path(*where, **cloud.settings) == dict.fromkeys(urls, "made")
    before = cloud.etags()
    assert statuses_by_path(*where, **cloud.settings) == dict.fromkeys(urls, "current")
    assert cloud.etags() == before
    from_disk = tmp_path / "pictures" / "photos", f"{cloud.url}/thumbs"
    assert set(statuses_by_path(*from_disk, **cloud.settings).values()) <= {"made", "current"}
    assert len(cloud.keys("thumbs")) == len(names)


@pytest.mark.parametrize("name", ["#1.jpg", "-1.jpg", "(1).jpg", " 1.jpg", "!.jpg"])
def test_a_thumbnail_whose_name_sorts_before_a_mark_is_no_picture(
    storage: Storage, tmp_path: Path, name: str
) -> None:
    photos_in(storage, tmp_path, f"photos/{name}", f"photos/sub/{name}")
    made = {f"{storage.url}/photos/{name}": "made", f"{storage.url}/photos/sub/{name}": "made"}
    assert statuses_by_path(f"{storage.url}/photos", f"{storage.url}/thumbs") == made
    assert statuses_by_path(storage.url, f"{storage.url}/other") == made
    with pytest.raises(SourceError, match="is a folder of thumbnails"):
        make_thumbnails(f"{storage.url}/thumbs", output=tmp_path / "t")
