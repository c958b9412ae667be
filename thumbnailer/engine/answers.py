"""The fixed format of what a worker sends, which its parent checks byte by byte.

A picture may take over the worker that decodes it. So nothing from there is unpickled, and nothing
is believed: a message is as long as its job allows, holds what was asked for, and says nothing of
paths and names, which the parent knows itself. Whatever is not so raises `BadAnswer`.

A message is its kind, the length of its body, and the body, all little-endian:

    ready       why the worker can't work, as a text; "" if it can
    claim       bytes of memory
    failure     seconds, stage, flags, reason
    thumbnails  seconds, numbers about the source, texts, a row for each thumbnail, their contents
    facts       seconds, width, height, date, colour
    whole       seconds

A worker sends `ready` once, and then for each job any number of claims and one of the others. To
send one more number or text with thumbnails, add its name to `_NUMBERS` or `_TEXTS`.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from dataclasses import replace
from enum import IntEnum
from functools import lru_cache
from struct import Struct
from typing import NamedTuple, TypeVar

from thumbnailer.formats import WRITTEN, possible_formats
from thumbnailer.model import (
    Answer,
    EncodedThumbnail,
    Failure,
    HeaderFacts,
    Job,
    Rendering,
    WantedThumbnail,
    Whole,
)
from thumbnailer.recipe import Limits, Recipe

T = TypeVar("T")

# What a worker's function may return besides a Failure.
Result = Rendering | HeaderFacts | Whole


class Kind(IntEnum):
    """The kinds of messages."""

    READY = 1
    CLAIM = 2
    FAILURE = 3
    THUMBNAILS = 4
    FACTS = 5
    WHOLE = 6


class BadAnswer(Exception):
    """What a worker sent is no answer to its job; the message says what is wrong with it."""


# The kind of message, and the length of its body.
_HEADER = Struct("<BI")
HEADER_BYTES = _HEADER.size

# What is sent of a source's state, and the texts about what was made of it.
_NUMBERS = ("size_bytes", "mtime_ns", "ctime_ns")
_TEXTS = ("note", "digest")

_SECONDS = Struct("<Q")  # in ns
_CLAIM = Struct("<Q")
_FAILURE = Struct("<QBB")  # time, stage, flags
_THUMBNAILS = Struct("<QB")  # time, number of thumbnails
_FACTS = Struct("<QII")  # time, width, height
_ROW = Struct("<BIII")  # format, width, height, length of the content
_LENGTH = Struct("<H")  # of a text
_NUMBER_BYTES = 16  # more than 8: the nanoseconds of the year 2262 and later

# The steps that fail in workers; what has to do with files is up to the parent.
STAGES = (
    *("open", "limits", "decode", "resize", "orientation", "colour", "encode", "crashed"),
    *("wrong", "stale", "failed"),  # of a thumbnail that is verified
)
_FORMATS = tuple(WRITTEN)
_LASTS, _SUSPECT = 1, 2

_KINDS: dict[type[Result], Kind] = {
    Rendering: Kind.THUMBNAILS,
    HeaderFacts: Kind.FACTS,
    Whole: Kind.WHOLE,
}

# Reasons and notes are sentences.
_MAX_TEXT = 500
_MAX_TEXT_BYTES = 4 * _MAX_TEXT

# The longest body of all kinds but thumbnails, and of thumbnails without their contents.
_MAX_SMALL_BYTES = 64 + 2 * (_LENGTH.size + _MAX_TEXT_BYTES)
_MAX_THUMBNAILS = 255
_MAX_ROWS_BYTES = _MAX_SMALL_BYTES + 16 * _NUMBER_BYTES + _MAX_THUMBNAILS * _ROW.size

# The most bytes a pixel of a thumbnail: noise with alpha takes 5.4 in AVIF and 4 in PNG, and in a
# frame of an animated WebP 2.3. Encoders fill up blocks of up to 64 px.
_PIXEL_BYTES, _FRAME_PIXEL_BYTES, _BLOCK_PX = 8, 4, 64

# The most frames of an animation (`imaging/animation`), and the most bytes of a profile and other
# metadata (`imaging/colour/source_profile`).
_MAX_FRAMES, _OTHER_BYTES = 1000, 32 << 20

_MAX_SIDE = 2**31 - 1

_STARTS = {
    "jpeg": re.compile(rb"\xff\xd8\xff"),
    "png": re.compile(rb"\x89PNG\r\n\x1a\n"),
    "webp": re.compile(rb"RIFF.{4}WEBP", re.DOTALL),
    "avif": re.compile(rb".{4}ftyp(?:avif|avis)", re.DOTALL),
    "gif": re.compile(rb"GIF8[79]a"),
}

_DATE = re.compile(r"(?:\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)?", re.ASCII)
_DIGEST = re.compile(r"(?:[0-9a-f]{16})?")
_COLOUR = re.compile(r"(?:[0-9a-f]{6})?")


# The worker's side.


def ready(reason: str) -> bytes:
    """Return the message that a worker can work, or why it can't."""
    return _message(Kind.READY, _text(reason))


def claim(needed_bytes: int) -> bytes:
    """Return the message that a job needs so many bytes of memory."""
    return _message(Kind.CLAIM, _CLAIM.pack(needed_bytes))


def answer(result: Result | Failure, seconds: float) -> bytes:
    """Return the message with the result of a job, and the wall time that it took.

    Raises:
        Exception: it is no such result, or does not fit.
    """
    time_ns = int(seconds * 1e9)
    if isinstance(result, Failure):
        flags = _LASTS * result.lasts | _SUSPECT * result.suspect
        head = _FAILURE.pack(time_ns, STAGES.index(result.stage), flags)
        return _message(Kind.FAILURE, head, _text(result.reason))
    if isinstance(result, HeaderFacts):
        width, height, *texts = result
        head = _FACTS.pack(time_ns, width, height)
        return _message(Kind.FACTS, head, *map(_text, texts))
    if isinstance(result, Whole):
        return _message(Kind.WHOLE, _SECONDS.pack(time_ns))
    numbers = [
        getattr(result.state, name).to_bytes(_NUMBER_BYTES, "little", signed=True)
        for name in _NUMBERS
    ]
    return _message(
        Kind.THUMBNAILS,
        _THUMBNAILS.pack(time_ns, len(result.encoded)),
        *numbers,
        *[_text(getattr(result, name)) for name in _TEXTS],
        *[
            _ROW.pack(_FORMATS.index(one.format), one.width, one.height, len(one.data))
            for one in result.encoded
        ],
        *[one.data for one in result.encoded],
    )


def _message(kind: Kind, *parts: bytes) -> bytes:
    return b"".join((_HEADER.pack(kind, sum(map(len, parts))), *parts))


def _text(text: str) -> bytes:
    """Return a text with its length; cut if it is long, and escaped if it can't be printed."""
    shown = text if text.isprintable() else repr(text)[1:-1]
    data = shown[:_MAX_TEXT].encode()
    return _LENGTH.pack(len(data)) + data


# The parent's side. What it is given is data of a stranger.


def read_header(header: bytes) -> tuple[int, int]:
    """Return the kind of a message, which may be none that there is, and the length of its body."""
    kind, length = _HEADER.unpack(header)
    return kind, length


def check_start(kind: int, length: int) -> None:
    """Check that a message may be the first of a worker.

    Raises:
        BadAnswer: it may not.
    """
    if kind != Kind.READY or length > _MAX_SMALL_BYTES:
        raise BadAnswer(f"{length} bytes of kind {kind}")


def check_header(kind: int, length: int, job: Job, result: type[Result]) -> None:
    """Check that a message of a kind and length may be sent in the course of a job.

    Args:
        result: what comes of the job if it does not fail.

    Raises:
        BadAnswer: it may not.
    """
    if kind not in (Kind.CLAIM, Kind.FAILURE, _KINDS[result]):
        raise BadAnswer(f"a message of kind {kind}")
    most = _MAX_ROWS_BYTES if kind == Kind.THUMBNAILS else _MAX_SMALL_BYTES
    if length > most and kind == Kind.THUMBNAILS:
        most += sum(_most_bytes(one.recipe, job.limits) for one in job.wanted)
    if length > most:
        raise BadAnswer(f"a message of {length} bytes")


def read_ready(body: bytes) -> str:
    """Return why a worker can't work; "" if it can.

    Raises:
        BadAnswer: it is no such message.
    """
    return _read(_Body.text, body)


def read_claim(body: bytes) -> int:
    """Return the bytes of memory that a job needs.

    Raises:
        BadAnswer: it is no such message.
    """
    return _read(lambda content: int(content.unpack(_CLAIM)[0]), body)


def read_answer(kind: int, body: bytes, job: Job) -> Answer:
    """Return the answer to a job.

    Raises:
        BadAnswer: it is none, or not what was asked for.
    """
    reader = _READERS[kind]
    return _read(lambda content: reader(content, job), body)


class _Body:
    """The body of a message, read from its start to its end."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def unpack(self, form: Struct) -> tuple[int, ...]:
        """Return the next numbers."""
        at, self._at = self._at, self._at + form.size
        return form.unpack_from(self._data, at)

    def piece(self, length: int) -> bytes:
        """Return the next bytes."""
        at, self._at = self._at, self._at + length
        if self._at > len(self._data):
            raise BadAnswer("less than it says")
        return self._data[at : self._at]

    def number(self) -> int:
        """Return the next large number."""
        return int.from_bytes(self.piece(_NUMBER_BYTES), "little", signed=True)

    def text(self) -> str:
        """Return the next text."""
        (length,) = self.unpack(_LENGTH)
        text = str(self.piece(length), "utf-8")
        if length > _MAX_TEXT_BYTES or not text.isprintable():
            raise BadAnswer("a text that is none")
        return text

    def check_end(self) -> None:
        """Check that there is no more."""
        if self._at != len(self._data):
            raise BadAnswer("more than it says")


def _read(read: Callable[[_Body], T], body: bytes) -> T:
    content = _Body(body)
    try:
        found = read(content)
        content.check_end()
        return found
    except (struct.error, ValueError) as error:  # too short, no UTF-8
        raise BadAnswer("less than it says, or a text that is none") from error


def _read_failure(content: _Body, job: Job) -> Answer:
    time_ns, stage, flags = content.unpack(_FAILURE)
    if stage >= len(STAGES) or flags > (_LASTS | _SUSPECT):
        raise BadAnswer("a failure of no known kind")
    lasts, suspect = bool(flags & _LASTS), bool(flags & _SUSPECT)
    failure = Failure(STAGES[stage], content.text(), lasts=lasts, suspect=suspect)
    return Answer(failure, time_ns / 1e9)


def _read_facts(content: _Body, job: Job) -> Answer:
    time_ns, width, height = content.unpack(_FACTS)
    facts = HeaderFacts(width, height, content.text(), content.text())
    if max(width, height) > _MAX_SIDE or not (
        _DATE.fullmatch(facts.taken) and _COLOUR.fullmatch(facts.colour)
    ):
        raise BadAnswer("facts that make no sense")
    return Answer(facts, time_ns / 1e9)


def _read_whole(content: _Body, job: Job) -> Answer:
    return Answer(Whole(), content.unpack(_SECONDS)[0] / 1e9)


def _read_thumbnails(content: _Body, job: Job) -> Answer:
    time_ns, count = content.unpack(_THUMBNAILS)
    wanted = job.wanted
    if count != len(wanted):
        raise BadAnswer(f"{count} thumbnails in place of {len(wanted)}")
    numbers = {name: content.number() for name in _NUMBERS}
    texts = {name: content.text() for name in _TEXTS}
    rows = [content.unpack(_ROW) for _ in wanted]
    made = []
    for one, (code, width, height, length) in zip(wanted, rows, strict=True):
        if code >= len(_FORMATS):
            raise BadAnswer("a thumbnail in no known format")
        thumbnail = EncodedThumbnail(content.piece(length), _FORMATS[code], width, height)
        _check_thumbnail(thumbnail, one, job.limits)
        made.append(thumbnail)
    if numbers["size_bytes"] < 0 or not _DIGEST.fullmatch(texts["digest"]):
        raise BadAnswer("a source of less than no bytes, or with a digest that is none")
    state = job.source  # in most cases, and else all but the numbers
    if any(getattr(state, name) != number for name, number in numbers.items()):
        state = replace(state, **numbers)  # type: ignore[arg-type]
    return Answer(Rendering(state, tuple(made), **texts), time_ns / 1e9)


def _check_thumbnail(made: EncodedThumbnail, wanted: WantedThumbnail, limits: Limits) -> None:
    """Check that a thumbnail is what its recipe may lead to, as far as that can be seen.

    Raises:
        BadAnswer: it is not.
    """
    data, format, width, height = made
    recipe = wanted.recipe
    if format not in possible_formats(recipe.format):
        raise BadAnswer(f"a {format} in place of a {recipe.format}")
    if not _may_have_size(recipe, format, width, height, limits):
        raise BadAnswer(f"a thumbnail of {width} x {height} px")
    most_bytes = recipe.max_bytes or _OTHER_BYTES  # more needs a closer look
    if len(data) > most_bytes and (
        recipe.max_bytes or len(data) > _file_bytes(recipe, width, height, width * height)
    ):
        raise BadAnswer(f"{len(data)} bytes for a thumbnail of {width} x {height} px")
    if not _STARTS[format].match(data):
        raise BadAnswer(f"a {format} that does not begin like one")


def _may_have_size(recipe: Recipe, format: str, width: int, height: int, limits: Limits) -> bool:
    most_width, most_height = recipe.box
    if most_width is None or most_height is None:
        most = _largest(recipe, format, limits)
        most_width, most_height = most.width, most.height
        if width * height > most.pixels:
            return False
    return 0 < width <= most_width and 0 < height <= most_height


class _Largest(NamedTuple):
    """The largest thumbnail, in px; the longest width and height may not come together."""

    width: int
    height: int
    pixels: int


@lru_cache
def _largest(recipe: Recipe, format: str, limits: Limits) -> _Largest:
    """Return the largest thumbnail that a recipe leads to in a format."""
    # Where a side is free, it follows from a picture or thumbnail that the limits allow.
    pixels = max(limits.pixels, limits.shrinkable_pixels)
    free = min(WRITTEN[format].max_side or pixels, pixels)
    width, height = recipe.box
    most = pixels if width is None or height is None else width * height
    return _Largest(width or free, height or free, most)


@lru_cache
def _most_bytes(recipe: Recipe, limits: Limits) -> int:
    """Return the most bytes that a thumbnail of a recipe can have."""
    every = [_largest(recipe, format, limits) for format in possible_formats(recipe.format)]
    most = max(_file_bytes(recipe, *one) for one in every)
    return recipe.max_bytes or min(most, limits.memory_bytes + _OTHER_BYTES)


def _file_bytes(recipe: Recipe, width: int, height: int, pixels: int) -> int:
    """Return the most bytes that the file of a thumbnail can have."""
    pixels += _BLOCK_PX * (width + height + _BLOCK_PX)
    if recipe.animated:
        return _OTHER_BYTES + pixels * _FRAME_PIXEL_BYTES * _MAX_FRAMES
    return _OTHER_BYTES + pixels * _PIXEL_BYTES


_READERS: dict[int, Callable[[_Body, Job], Answer]] = {
    Kind.FAILURE: _read_failure,
    Kind.THUMBNAILS: _read_thumbnails,
    Kind.FACTS: _read_facts,
    Kind.WHOLE: _read_whole,
}
