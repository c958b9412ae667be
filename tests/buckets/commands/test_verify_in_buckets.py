"""`thumbnailer verify` for thumbnails in object storage, or of pictures there: as on a disk."""

from __future__ import annotations

import io
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from support.flaky_proxy import interfering
from support.pictures import noise, picture
from support.program import Run, thumbnailer
from support.s3_server import Storage, photos_in, settled, statuses

from thumbnailer import Settings, verify
from thumbnailer.operations.verify import VerifyReport, iter_findings

pytest.importorskip("obstore", reason="the extra s3 is not installed")

pytestmark = pytest.mark.extra

# Where pictures are and where their thumbnails.
PLACES = ["disk to bucket", "bucket to bucket", "bucket to disk"]


@pytest.fixture(params=PLACES)
def places(request: pytest.FixtureRequest, storage: Storage, tmp_path: Path) -> tuple[str, str]:
    """Two pictures, `a.jpg` and `2024/b.png`, with thumbnails: the URLs or paths of both trees."""
    photos_in(storage, tmp_path, "photos/a.jpg", "photos/2024/b.png")
    settled()
    source, output = request.param.split(" to ")
    trees = (
        f"{storage.url}/photos" if source == "bucket" else str(tmp_path / "pictures" / "photos"),
        f"{storage.url}/thumbs" if output == "bucket" else str(tmp_path / "thumbs"),
    )
    assert statuses(*trees) == {"a.jpg": "made", "b.png": "made"}
    return trees


@pytest.fixture
def in_bucket(storage: Storage, tmp_path: Path) -> tuple[str, str]:
    """The same in one bucket."""
    photos_in(storage, tmp_path, "photos/a.jpg", "photos/2024/b.png")
    settled()
    trees = f"{storage.url}/photos", f"{storage.url}/thumbs"
    statuses(*trees)
    return trees


def verified(source: str, output: str, *options: str) -> Run:
    run = thumbnailer("verify", "--json", source, "--output", output, *options)
    assert "Traceback" not in run.err
    return run


def faults(run: Run) -> dict[str, tuple[str, str]]:
    """Status and reason of each thumbnail that is not whole, by its name."""
    return {
        os.path.basename(row["thumbnail"]): (row["status"], row["reason"])
        for row in run.rows
        if row["status"] != "whole"
    }


def replace(storage: Storage, key: str, change: Callable[[bytes], bytes]) -> None:
    """Change the content of an object, and nothing that is stored with it."""
    head = storage.head(key)
    storage.client.put_object(
        Bucket=storage.name,
        Key=key,
        Body=change(storage.get(key)),
        ContentType=head["ContentType"],
        Metadata=head["Metadata"],
    )


def picture_of(size: tuple[int, int], format: str = "jpeg") -> bytes:
    content = io.BytesIO()
    Image.new("RGB", size, "red").save(content, format)
    return content.getvalue()


def test_what_is_whole_is_found_to_be_so(places: tuple[str, str]) -> None:
    run = verified(*places)
    assert (run.code, run.err) == (0, "")
    assert [row["status"] for row in run.rows] == ["whole", "whole"]
    assert run.summary["thumbnails"] == run.summary["whole"] == 2


def test_it_costs_one_get_a_thumbnail_and_listings(
    storage: Storage, in_bucket: tuple[str, str]
) -> None:
    with storage.counted() as count:
        assert verified(*in_bucket).code == 0
    assert count["GET"] == 2
    assert not [kind for kind in count if kind not in ("GET", "LIST")]


@pytest.mark.parametrize("size", [(), ("--size", "64", "--fit", "cover", "--size", "16x32")])
@pytest.mark.parametrize("format", ["jpeg", "png", "webp", "auto"])
def test_thumbnails_of_all_looks_are_whole(
    storage: Storage, tmp_path: Path, size: tuple[str, ...], format: str
) -> None:
    photos_in(storage, tmp_path, "photos/a.jpg")
    clear = picture(tmp_path / "b.png", (90, 60), "RGBA")
    storage.put("photos/b.png", clear.read_bytes())
    settled()
    where = f"{storage.url}/photos", "--output", f"{storage.url}/thumbs"
    options = *size, "--format", format
    thumbnailer("make", *where, *options)
    run = verified(where[0], where[2], *options)
    assert faults(run) == {}
    assert run.summary["whole"] == 2 * max(1, size.count("--size"))


def test_what_was_put_by_hand_is_wrong_and_stays_unless_it_is_to_be_replaced(
    storage: Storage, in_bucket: tuple[str, str]
) -> None:
    before = storage.get("thumbs/a.jpg")
    storage.put("thumbs/a.jpg", before)
    run = verified(*in_bucket)
    assert run.code == 3
    where = f"{storage.url}/thumbs/a.jpg"
    reason = f"{where} is in the way: it was not made by thumbnailer"
    assert faults(run) == {"a.jpg": ("wrong", reason)}
    run = verified(*in_bucket, "--fix")
    assert run.code == 3
    assert faults(run) == {"a.jpg": ("wrong", reason)}
    assert "thumbnailersource" not in storage.head("thumbs/a.jpg")["Metadata"]
    run = verified(*in_bucket, "--fix", "--replace")
    assert run.code == 0
    assert faults(run) == {"a.jpg": ("fixed", reason)}
    assert storage.get("thumbs/a.jpg") == before
    assert "thumbnailersource" in storage.head("thumbs/a.jpg")["Metadata"]
    assert verified(*in_bucket).summary["whole"] == 2


DAMAGE: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "cut": (lambda data: data[:-10], "damaged: its end is not that of a JPEG"),
    "blank": (
        lambda data: data[:-200].ljust(len(data), b"\0"),
        "damaged: its end is not that of a JPEG",
    ),
    "empty": (lambda _: b"", "is empty"),
    "text": (lambda _: b"some text", "is text, no picture"),
    "another format": (lambda _: picture_of((96, 64), "png"), "is png, not jpeg"),
    "another size": (lambda _: picture_of((40, 30)), "is 40 x 30 px, but was made of 96 x 64 px"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_what_is_damaged_is_wrong_and_made_anew(
    storage: Storage, in_bucket: tuple[str, str], damage: str
) -> None:
    change, reason = DAMAGE[damage]
    before = storage.get("thumbs/a.jpg")
    replace(storage, "thumbs/a.jpg", change)
    assert faults(verified(*in_bucket)) == {"a.jpg": ("wrong", reason)}
    run = verified(*in_bucket, "--fix")
    assert (run.code, faults(run)) == (0, {"a.jpg": ("fixed", reason)})
    assert storage.get("thumbs/a.jpg") == before


@pytest.mark.parametrize("size", ["32", "32x32", "64x16"])
def test_what_earlier_versions_made_must_fit_the_settings(
    storage: Storage, tmp_path: Path, size: str
) -> None:
    """They stored no size; the picture is in the bucket, and is not fetched."""
    photos_in(storage, tmp_path, "photos/a.jpg")
    settled()
    where = f"{storage.url}/photos", f"{storage.url}/thumbs"
    statuses(*where, size=size)

    def put(data: bytes) -> None:
        metadata = storage.head("thumbs/a.jpg")["Metadata"]
        metadata.pop("thumbnailersize", None)
        storage.client.put_object(
            Bucket=storage.name, Key="thumbs/a.jpg", Body=data, Metadata=metadata
        )

    put(storage.get("thumbs/a.jpg"))
    assert verified(*where, "--size", size).summary["whole"] == 1
    put(picture_of((96, 64)))
    reason = "is 96 x 64 px, which these settings do not make"
    assert faults(verified(*where, "--size", size)) == {"a.jpg": ("wrong", reason)}


def test_the_size_must_be_that_of_a_picture_on_disk(storage: Storage, tmp_path: Path) -> None:
    photos_in(storage, tmp_path, "photos/a.jpg")
    settled()
    where = str(tmp_path / "pictures" / "photos"), f"{storage.url}/thumbs"
    statuses(*where)
    metadata = storage.head("thumbs/a.jpg")["Metadata"] | {"thumbnailersize": "40x30"}
    storage.client.put_object(
        Bucket=storage.name, Key="thumbs/a.jpg", Body=picture_of((40, 30)), Metadata=metadata
    )
    assert faults(verified(*where)) == {"a.jpg": ("wrong", "is 40 x 30 px, not 96 x 64 px")}


def test_a_thumbnail_of_an_earlier_version_of_the_picture_is_stale(
    storage: Storage, tmp_path: Path, in_bucket: tuple[str, str]
) -> None:
    """The listing does not show it: the thumbnail is the younger one."""
    storage.put("photos/a.jpg", picture(tmp_path / "other.jpg", (60, 60)).read_bytes())
    settled()
    replace(storage, "thumbs/a.jpg", lambda data: data)
    assert statuses(*in_bucket)["a.jpg"] == "current"
    run = verified(*in_bucket)
    assert faults(run) == {"a.jpg": ("stale", "the picture has changed since")}
    assert verified(*in_bucket, "--fix").summary["fixed"] == 1
    with Image.open(io.BytesIO(storage.get("thumbs/a.jpg"))) as thumbnail:
        assert thumbnail.size == (60, 60)


def test_what_is_gone_is_missing_and_made_anew(storage: Storage, places: tuple[str, str]) -> None:
    if places[1].startswith("s3:"):
        storage.delete("thumbs/a.jpg")
        reason = "has not been made"
    else:
        Path(places[1], "a.jpg").unlink()
        reason = "is gone"
    assert faults(verified(*places)) == {"a.jpg": ("missing", reason)}
    assert faults(verified(*places, "--fix")) == {"a.jpg": ("fixed", reason)}
    assert verified(*places).code == 0


def test_what_vanishes_meanwhile_is_missing(storage: Storage, in_bucket: tuple[str, str]) -> None:
    def mood(method: str, target: str) -> str:
        if method == "GET" and target.endswith("/thumbs/a.jpg"):
            storage.delete("thumbs/a.jpg")
        return ""

    with interfering(storage.endpoint, mood) as endpoint:
        run = verified(*in_bucket, "--endpoint", endpoint)
    assert (run.code, faults(run)) == (3, {"a.jpg": ("missing", "is gone")})


def test_what_may_not_be_read_has_failed(storage: Storage, in_bucket: tuple[str, str]) -> None:
    def mood(method: str, target: str) -> str:
        return "denied" if method == "GET" and target.endswith("/thumbs/a.jpg") else ""

    with interfering(storage.endpoint, mood) as endpoint:
        run = verified(*in_bucket, "--endpoint", endpoint)
    words = "access is denied (SignatureDoesNotMatch)"
    assert (run.code, faults(run)) == (3, {"a.jpg": ("failed", words)})


@pytest.mark.parametrize("options", [(), ("--fix",)])
def test_credentials_that_expire_end_it(
    storage: Storage, in_bucket: tuple[str, str], options: tuple[str, ...]
) -> None:
    def mood(_: str, target: str) -> str:
        return "expired" if "/thumbs/2024/b.png" in target else ""

    with interfering(storage.endpoint, mood) as endpoint:
        run = verified(*in_bucket, "--endpoint", endpoint, *options)
    assert run.code == 1
    assert "the credentials have expired" in run.err
    assert run.err.startswith("thumbnailer: stopped early: ")


@pytest.mark.parametrize("what", ["LIST of photos", "LIST of thumbs", "GET"])
def test_it_waits_for_no_answer_once_it_is_stopped(
    storage: Storage, in_bucket: tuple[str, str], what: str
) -> None:
    """And says nothing of thumbnails that it has not seen."""
    stop = threading.Event()

    def mood(method: str, target: str) -> str:
        is_list = "list-type" in target
        hangs = method == "GET" and not is_list if what == "GET" else is_list and what[8:] in target
        if hangs and "delimiter" not in target:
            stop.set()
        return "hang" if stop.is_set() else ""

    with interfering(storage.endpoint, mood) as endpoint:
        settings = Settings(output=in_bucket[1], endpoint=endpoint)
        started = time.monotonic()
        assert list(iter_findings(in_bucket[0], settings, VerifyReport(), stop=stop)) == []
        assert time.monotonic() - started < 5


def test_what_is_too_large_is_not_fetched(storage: Storage, in_bucket: tuple[str, str]) -> None:
    replace(storage, "thumbs/a.jpg", lambda _: bytes((16 << 20) + 1))
    with storage.counted() as count:
        run = verified(*in_bucket, "--worker-memory", "64")
    (status, reason) = faults(run)["a.jpg"]
    assert (status, reason[:48]) == ("wrong", "16 MiB of data, more than the limit of 16 (a qua")
    assert count["GET"] == 1


def test_a_bad_picture_has_failed_and_one_that_is_none_is_left_out(
    storage: Storage, in_bucket: tuple[str, str]
) -> None:
    storage.put("photos/c.jpg", b"some text")
    settled()
    statuses(*in_bucket)
    run = verified(*in_bucket)
    assert run.code == 3
    assert faults(run) == {"c.jpg": ("failed", "is text, no picture")}


def test_a_fixed_thumbnail_keeps_its_headers(storage: Storage, in_bucket: tuple[str, str]) -> None:
    storage.delete("thumbs/a.jpg")
    assert verified(*in_bucket, "--fix", "--header", "Cache-Control=max-age=60").code == 0
    assert storage.head("thumbs/a.jpg")["CacheControl"] == "max-age=60"


def test_a_program_gets_what_the_command_shows(
    storage: Storage, in_bucket: tuple[str, str]
) -> None:
    storage.put("thumbs/a.jpg", b"by hand")
    report: Any = verify(in_bucket[0], output=in_bucket[1])
    assert (report.whole, report.wrong, report.is_well) == (1, 1, False)
    (finding,) = report.findings
    assert finding.thumbnail == f"{in_bucket[1]}/a.jpg"
    assert finding.source.path == f"{in_bucket[0]}/a.jpg"


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc")
def test_large_thumbnails_wait_until_there_is_memory_for_them(
    storage: Storage, tmp_path: Path
) -> None:
    """With 64 MiB for all, 16 are for content on its way; all together they have 300."""
    names = [f"{number}.png" for number in range(300)]
    small = picture(tmp_path / "a.png").read_bytes()
    for name in names:
        storage.put(f"photos/{name}", small)
    settled()
    where: dict[str, Any] = {"output": f"{storage.url}/thumbs", "size": 1024, "format": "png"}
    statuses(f"{storage.url}/photos", **where)
    large = io.BytesIO()
    noise((1024, 1024), 60).save(large, "png")
    metadata = storage.head("thumbs/0.png")["Metadata"] | {"thumbnailersize": "1024x1024"}
    for name in names:
        storage.client.put_object(
            Bucket=storage.name, Key=f"thumbs/{name}", Body=large.getvalue(), Metadata=metadata
        )
    settings = Settings(memory=64, jobs=2, **where)
    report, taken = VerifyReport(), list[float]()
    for finding in iter_findings(f"{storage.url}/photos", settings, report):
        assert finding.status == "whole"
        taken.append(_mebibytes())
    assert report.whole == len(names)
    assert max(taken) - max(taken[:60]) < 30


def _mebibytes() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**20
