"""What is stored with each thumbnail in a bucket, as the user says."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from support.pictures import files_below, tree
from support.program import make, thumbnailer
from support.s3_server import Storage, photos_in, settled, statuses

from thumbnailer import ConfigError, Settings, make_thumbnails

pytest.importorskip("obstore", reason="the extra s3 is not installed")

pytestmark = pytest.mark.extra

CACHED = "Cache-Control=public, max-age=31536000"

OURS = {"thumbnailersource", "thumbnailerorigin", "thumbnailersize", "thumbnailerplaceholder"}


def test_headers_come_with_each_thumbnail_and_others_are_metadata(
    storage: Storage, tmp_path: Path
) -> None:
    photos_in(storage, tmp_path, "photos/a.jpg", "photos/b/c.png")
    headers = (
        CACHED,
        'Content-Disposition=inline; filename="a = b.jpg"',
        "content-language=de",
        "Storage-Class=STANDARD_IA",
        "Made-For=the shop",
    )
    options = [word for header in headers for word in ("--header", header)]
    run = make(f"{storage.url}/photos", "--output", f"{storage.url}/thumbs", *options)
    assert (run.code, run.err) == (0, "")
    for key in ("thumbs/a.jpg", "thumbs/b/c.png.jpg"):
        head = storage.head(key)
        assert head["CacheControl"] == "public, max-age=31536000"
        assert head["ContentDisposition"] == 'inline; filename="a = b.jpg"'
        assert head["ContentLanguage"] == "de"
        assert head["ContentType"] == "image/jpeg"
        assert head["StorageClass"] == "STANDARD_IA"
        assert head["Metadata"].keys() == {"made-for", *OURS}
        assert head["Metadata"]["made-for"] == "the shop"
    (mark, _) = storage.marks("thumbs")
    assert "CacheControl" not in storage.head(mark)


def test_an_encoding_is_told_as_it_is(storage: Storage, photos: Path) -> None:
    tree(photos, "a.jpg")
    make_thumbnails(photos, output=f"{storage.url}/t", header=("Content-Encoding=identity",))
    assert storage.head("t/a.jpg")["ContentEncoding"] == "identity"


def test_another_header_alone_makes_nothing_again(storage: Storage, tmp_path: Path) -> None:
    photos_in(storage, tmp_path, "photos/a.jpg")
    settled()
    places = f"{storage.url}/photos", f"{storage.url}/thumbs"
    assert statuses(*places, header=[CACHED]) == {"a.jpg": "made"}
    assert statuses(*places) == {"a.jpg": "current"}
    assert statuses(*places, header=["Cache-Control=no-store"]) == {"a.jpg": "current"}
    assert storage.head("thumbs/a.jpg")["CacheControl"] == "public, max-age=31536000"
    assert statuses(*places, header=["Cache-Control=no-store"], verify_etag=True) == {
        "a.jpg": "current"
    }
    make(places[0], "--output", places[1], "--header", "Cache-Control=no-store", "--force")
    assert storage.head("thumbs/a.jpg")["CacheControl"] == "no-store"


def test_a_configuration_holds_them_and_options_take_their_place(
    storage: Storage, photos: Path, tmp_path: Path
) -> None:
    tree(photos, "a.jpg")
    options = ["--output", f"{storage.url}/t", "--header", CACHED, "--header", "x=y"]
    config = tmp_path / "config.toml"
    config.write_text(thumbnailer("config", *options).out)
    assert f'header = ["{CACHED}", "x=y"]\n' in config.read_text()
    make(photos, "--config", config)
    assert storage.head("t/a.jpg")["CacheControl"] == "public, max-age=31536000"
    assert storage.head("t/a.jpg")["Metadata"]["x"] == "y"
    make(photos, "--config", config, "--header", "z=1", "--force")
    assert "CacheControl" not in storage.head("t/a.jpg")
    settings = Settings.from_file(config)
    assert pickle.loads(pickle.dumps(settings)).header == (CACHED, "x=y")


REFUSED = {
    "Content-Type=image/jpeg": "can't be set: Content-Type is that of the thumbnail's format",
    "content-type=text/html": "can't be set: content-type is that of the thumbnail's format",
    "ThumbnailerSource=x": "can't be set: ThumbnailerSource says what a thumbnail was made of",
    "thumbnailer-source=x": "can't be set: thumbnailer-source says what a thumbnail was made of",
    "x-amz-acl=public-read": "must have a name without the prefix of a service, which adds its own",
    "Cache-Control": "must be NAME=VALUE",
    "=x": "must have a name of letters, digits and hyphens",
    "a b=x": "must have a name of letters, digits and hyphens",
    "naïve=x": "must have a name of letters, digits and hyphens",
    "a:b=x": "must have a name of letters, digits and hyphens",
    **dict.fromkeys(
        ["a=", "a= b", "a=b ", "a=b  c", "a=b\nc", "a=b\x7f", "a=\u00fc", "a=b\tc"],
        "must have a value of printable ASCII characters, with single spaces between words",
    ),
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_can_not_be_stored_is_refused_in_one_line(text: str, photos: Path) -> None:
    run = thumbnailer("make", photos, "--output", "s3://nowhere/t", "--header", text)
    assert (run.code, run.out) == (2, "")
    assert run.err.startswith("thumbnailer: --header ")
    assert run.err.endswith(f": {REFUSED[text]}\n")
    assert run.err.count("\n") == 1
    with pytest.raises(ConfigError):
        Settings(output="s3://nowhere/t", header=(text,))


@pytest.mark.parametrize(
    ("url", "headers", "said"),
    [
        ("s3://b/t", ["a=1", "A=2"], "A is set twice"),
        ("s3://b/t", ["a_b=1"], "a_b: some servers drop names with underscores; write hyphens"),
        (
            "s3://b/t",
            ["a=" + "x" * 1999],
            "more than 1,000 characters in all, which not all services take",
        ),
        (
            "az://b/t",
            ["a-b=1"],
            "a-b: metadata in az:// has names of letters, digits and underscores",
        ),
        (
            "az://b/t",
            ["1a=1"],
            "1a: metadata in az:// has names of letters, digits and underscores",
        ),
    ],
)
def test_what_one_service_does_not_take_is_refused(
    url: str, headers: list[str], said: str, photos: Path
) -> None:
    options = [word for header in headers for word in ("--header", header)]
    run = thumbnailer("make", photos, "--output", url, *options)
    assert (run.code, run.out) == (2, "")
    assert run.err.endswith(f": {said}\n")
    assert run.err.count("\n") == 1


def test_azure_takes_underscores_and_the_headers_of_all() -> None:
    assert Settings(output="az://b/t", header=("a_b=1", CACHED)).header == ("a_b=1", CACHED)
    assert Settings(output="gs://b/t", header=["a-b=1"]).header == ("a-b=1",)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="must be a list of NAME=VALUE"):
        Settings(output="s3://b/t", header=CACHED)  # type: ignore[arg-type]


@pytest.mark.parametrize("output", ["", "out"])
def test_without_a_bucket_they_are_refused(output: str, photos: Path, tmp_path: Path) -> None:
    tree(photos, "a.jpg")
    to = ["--output", str(tmp_path / output)] if output else []
    run = thumbnailer("make", photos, "--header", CACHED, *to)
    said = f"--header {CACHED}: only an output in a bucket has any"
    assert (run.code, run.out, run.err) == (2, "", f"thumbnailer: {said}\n")
    assert files_below(photos) == {"a.jpg"}
