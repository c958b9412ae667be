"""Content in, content out: pictures that are no files, and thumbnails that become none."""

from __future__ import annotations

import io
import os
import random
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from support.pictures import files_below, picture

from thumbnailer import (
    ConfigError,
    OutputError,
    PictureError,
    SourceError,
    ThumbnailError,
    make_sizes,
    make_thumbnail,
    make_thumbnails,
)


@pytest.fixture
def content(tmp_path: Path) -> bytes:
    return picture(tmp_path / "a.jpg", (640, 480)).read_bytes()


class Stream(io.RawIOBase):
    """A stream that can't be rewound, and gives little at a time."""

    def __init__(self, data: bytes) -> None:
        self._rest = data

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count = min(len(buffer), len(self._rest), 1000)
        buffer[:count], self._rest = self._rest[:count], self._rest[count:]
        return count


KINDS: dict[str, Callable[[bytes], Any]] = {
    "bytes": bytes,
    "bytearray": bytearray,
    "memoryview": memoryview,
    "a part of another": lambda data: memoryview(b"before" + data + b"after")[6:-5],
    "file": io.BytesIO,
    "stream": Stream,
    "buffered stream": lambda data: io.BufferedReader(Stream(data)),
}


@pytest.mark.parametrize("kind", KINDS)
def test_content_gives_the_thumbnail_that_its_file_gives(
    content: bytes, tmp_path: Path, kind: str
) -> None:
    made = make_thumbnail(KINDS[kind](content), size=64)
    of_file = make_thumbnail(tmp_path / "a.jpg", tmp_path / "b.jpg", size=64)
    assert made.data == of_file.data == (tmp_path / "b.jpg").read_bytes()
    assert (made.path, made.width, made.height, made.size_bytes) == ("", 64, 48, len(made.data))
    assert (made.format, made.mime_type) == ("jpeg", "image/jpeg")
    assert (of_file.path, of_file.format) == (str(tmp_path / "b.jpg"), "jpeg")
    assert len(repr(made)) < 100


@pytest.mark.parametrize("format", ["jpeg", "png", "webp", "gif", "avif"])
def test_the_format_is_as_asked_and_told(content: bytes, format: str) -> None:
    made = make_thumbnail(content, format=format)
    with Image.open(io.BytesIO(made.data)) as image:
        assert (image.format or "").lower() == made.format == format
        assert image.get_format_mimetype() == made.mime_type


def test_auto_tells_the_format_that_it_became(content: bytes) -> None:
    clear = io.BytesIO()
    Image.new("RGBA", (9, 9)).save(clear, "PNG")
    assert make_thumbnail(clear.getvalue(), format="auto").mime_type == "image/png"
    assert make_thumbnail(content, format="auto").mime_type == "image/jpeg"


def test_a_name_without_a_fitting_ending_may_have_any_format(
    content: bytes, tmp_path: Path
) -> None:
    made = make_thumbnail(content, tmp_path / "avatar", format="png")
    assert (made.format, made.path) == ("png", str(tmp_path / "avatar"))


def test_a_file_is_read_from_where_it_stands_and_left_open(content: bytes) -> None:
    file = io.BytesIO(b"a form and then " + content)
    file.seek(16)
    assert make_thumbnail(file).width == 256
    assert not file.closed
    assert file.read() == b""


def test_a_file_is_written_to_from_where_it_stands_and_left_open(content: bytes) -> None:
    answer = io.BytesIO(b"head: 0000")
    answer.seek(6)
    made = make_thumbnail(content, answer, size=32)
    assert not answer.closed
    assert answer.getvalue() == b"head: " + made.data


def test_what_is_read_may_be_written_to(content: bytes) -> None:
    file = io.BytesIO(content)
    made = make_thumbnail(file, file, size=32)
    assert file.getvalue() == content + made.data


def test_a_file_that_takes_little_at_a_time_gets_all() -> None:
    noise, content = random.Random(1).randbytes(3 * 300**2), io.BytesIO()
    Image.frombytes("RGB", (300, 300), noise).save(content, "PNG")
    end, other = os.pipe()
    received = bytearray()
    with os.fdopen(end, "rb") as reader, os.fdopen(other, "wb", buffering=0) as writer:
        thread = threading.Thread(target=lambda: received.extend(reader.read()))
        thread.start()
        made = make_thumbnail(content.getvalue(), writer, size=300, format="png")
        writer.close()
        thread.join()
    assert len(received) > 1 << 17  # a pipe holds half of that
    assert received == made.data


def test_files_of_the_library_are_files(content: bytes, tmp_path: Path) -> None:
    with tempfile.SpooledTemporaryFile() as upload, tempfile.NamedTemporaryFile() as named:
        upload.write(content)
        upload.seek(0)
        made = make_thumbnail(upload, named)
        named.flush()
        assert Path(named.name).read_bytes() == made.data


def test_files_of_text_are_refused_before_anything_is_read_or_written(
    content: bytes, tmp_path: Path
) -> None:
    (tmp_path / "text").write_text("text")
    with (
        open(tmp_path / "text", "r+") as text,
        tempfile.NamedTemporaryFile("w+") as named,
        tempfile.SpooledTemporaryFile(mode="w+") as spooled,
    ):
        for file in (text, named, spooled, io.StringIO("text")):
            with pytest.raises(ConfigError, match="source: is a file of text; open it in binary"):
                make_thumbnail(file)  # type: ignore[arg-type]
            with pytest.raises(ConfigError, match="thumbnail: is a file of text"):
                make_thumbnail(content, file)  # type: ignore[arg-type]
            assert file.tell() == 0


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (None, "source: is a NoneType; must be a path, bytes or a binary file object"),
        (5, "source: is a int"),
        (["a.jpg"], "source: is a list"),
        ("s3://bucket/a.jpg", "source: takes files"),
    ],
)
def test_what_is_no_source_is_refused(source: Any, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        make_thumbnail(source)


def test_a_read_that_returns_no_bytes_is_refused() -> None:
    class Odd:
        def read(self) -> list[int]:
            return [1]

    with pytest.raises(ConfigError, match=r"source: its read\(\) returns list, not bytes"):
        make_thumbnail(Odd())  # type: ignore[arg-type]


@pytest.mark.parametrize("target", [b"a.jpg", 5, [], bytearray(9)])
def test_what_is_no_target_is_refused(content: bytes, target: Any) -> None:
    with pytest.raises(ConfigError, match=r"thumbnail: is a .*; must be a path or a binary file"):
        make_thumbnail(content, target)


@pytest.mark.parametrize(
    ("data", "stage", "reason"),
    [(b"", "open", "is empty"), (b"text", "open", "is text, no picture")],
)
def test_content_that_is_no_picture_fails_without_a_path(
    data: bytes, stage: str, reason: str
) -> None:
    with pytest.raises(PictureError) as raised:
        make_thumbnail(io.BytesIO(data))
    assert (raised.value.source, raised.value.stage) == ("<content>", stage)
    assert raised.value.reason == reason
    assert str(raised.value) == f"<content>: {stage}: {reason}"


def test_bytes_are_content_and_no_path(content: bytes, tmp_path: Path) -> None:
    with pytest.raises(PictureError, match="<content>: open"):
        make_thumbnail(os.fsencode(tmp_path / "a.jpg"))


def test_several_sizes_come_of_one_decoding(content: bytes) -> None:
    sizes = {"small": 64, "large": {"size": "x320", "format": "webp", "quality": 50}}
    for source in (content, io.BytesIO(content)):
        made = make_sizes(source, sizes, format="png")
        assert [*made] == ["small", "large"]
        assert [(one.width, one.height, one.format) for one in made.values()] == [
            (64, 48, "png"),
            (427, 320, "webp"),
        ]
        with Image.open(io.BytesIO(made["large"].data)) as image:
            assert (image.size, image.format) == ((427, 320), "WEBP")


def test_several_sizes_of_a_file_are_those_of_a_run(tmp_path: Path, content: bytes) -> None:
    made = make_sizes(tmp_path / "a.jpg", ["64", "256x192", "x32"])
    make_thumbnails(tmp_path / "a.jpg", size=["64", "256x192", "x32"])
    assert [*made] == ["64", "256x192", "x32"]
    for name, one in made.items():
        assert one.data == (tmp_path / "thumbs" / name / "a.jpg").read_bytes()


def test_a_picture_is_read_and_decoded_once_for_all_sizes(content: bytes) -> None:
    assert len(make_sizes(Stream(content), {"only": 64})) == 1
    with pytest.raises(PictureError, match="<content>: open: is text"):
        make_sizes(b"text", ["64"])


@pytest.mark.parametrize(
    ("sizes", "looks", "words"),
    [
        ({}, {}, "sizes = {}: names no size"),
        ([], {}, "sizes = .*: names no size"),
        ({"a": 0}, {}, "sizes = {'a': 0}: must be a table of names"),
        ({"a": 9}, {"size": 5}, "size = 5: has no place beside sizes"),
        ({"a": 9}, {"qualty": 5}, "did you mean quality"),
        (["64", "many"], {}, "size = .*: must be 256"),
    ],
)
def test_sizes_that_are_none_are_refused(
    content: bytes, sizes: Any, looks: Any, words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        make_sizes(content, sizes, **looks)
    with pytest.raises(ConfigError, match="is more than one"):
        make_thumbnail(content, size=["1", "2"])


class Broken(io.BytesIO):
    """A file on a disk that has been pulled out."""

    def read(self, *_: object) -> bytes:
        raise OSError(5, "Input/output error")

    def write(self, *_: object) -> int:
        raise OSError(28, "No space left on device")


def test_files_that_can_t_be_read_or_written_are_told_from_bad_pictures(
    content: bytes, tmp_path: Path
) -> None:
    with pytest.raises(SourceError, match="<content>: can't be read: Input/output error"):
        make_thumbnail(Broken())
    with pytest.raises(OutputError, match="can't be written: No space left on device"):
        make_thumbnail(content, Broken())
    before = files_below(tmp_path)
    for target in (tmp_path / "no" / "b.jpg", tmp_path / "a.jpg" / "b.jpg"):
        with pytest.raises(OutputError, match=str(target)):
            make_thumbnail(content, target)
    assert files_below(tmp_path) == before


def test_what_a_file_raises_that_is_no_error_of_the_system_is_its_own() -> None:
    class TooLarge(io.BytesIO):
        def read(self, *_: object) -> bytes:
            raise LookupError("413")

    with pytest.raises(LookupError):
        make_thumbnail(TooLarge())
    closed = io.BytesIO()
    closed.close()
    with pytest.raises(ValueError, match="closed") as raised:
        make_thumbnail(closed)
    assert not isinstance(raised.value, ThumbnailError)
