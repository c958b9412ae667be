"""The fixed format of what a worker sends, which its parent checks byte by byte.

A picture may take over the worker that decodes it. So nothing from there is unpickled, and nothing
is believed: a message is as long as its job allows, its numbers and texts have bounds, and it says
nothing of paths and names, which the parent knows itself. Whatever is not so raises `BadAnswer`.
Whether thumbnails are those that were asked for is for `asked_for` to check.

A message is its kind, the length of its body, and the body, all little-endian:

    ready       why the worker can't work, as a text; "" if it can
    claim       bytes of memory
    failure     seconds, stage, flags, reason
    thumbnails  seconds, numbers about the source, texts, a row with a placeholder for each
                thumbnail, their contents
    facts       seconds, width, height, date, placeholder
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
from operator import attrgetter
from struct import Struct
from typing import Any, TypeVar

from thumbnailer.formats import WRITTEN
from thumbnailer.model import (
    Answer,
    EncodedThumbnail,
    Failure,
    HeaderFacts,
    Job,
    Rendering,
    Source,
    Whole,
    is_placeholder,
)

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
_numbers_of: Callable[[Source], tuple[int, ...]] = attrgetter(*_NUMBERS)

_SECONDS = Struct("<Q")  # in ns
_CLAIM = Struct("<Q")
_FAILURE = Struct("<QBB")  # time, stage, flags
_THUMBNAILS = Struct("<QB")  # time, number of thumbnails
_FACTS = Struct("<QIIB")  # time, width, height, number of thumbnails
_SIZE = Struct("<II")
_ROW = Struct("<BIII")  # format, width, height, length of the content
_LENGTH = Struct("<H")  # of a text
_NUMBER_BYTES = 16  # more than 8: the nanoseconds of the year 2262 and later
_STATE = Struct("<" + f"{_NUMBER_BYTES}s" * len(_NUMBERS))

# The steps that fail in workers; what has to do with files is up to the parent.
STAGES = (
    *(
        "content",
        "open",
        "limits",
        "decode",
        "resize",
        "orientation",
        "colour",
        "encode",
        "crashed",
    ),
    *("wrong", "stale", "failed"),  # of a thumbnail that is verified
)
_FORMATS = tuple(WRITTEN)
_LASTS, _SUSPECT = 1, 2

_KINDS_OF_JOB = {*Kind} - {Kind.READY}

# Reasons and notes are sentences.
_MAX_TEXT = 500
_MAX_TEXT_BYTES = 4 * _MAX_TEXT

# The longest body of all kinds but thumbnails, and of thumbnails without their contents.
_MAX_SMALL_BYTES = 64 + 2 * (_LENGTH.size + _MAX_TEXT_BYTES)
_MAX_THUMBNAILS = 255
_MAX_ROW_BYTES = _ROW.size + _LENGTH.size + 40
_MAX_ROWS_BYTES = _MAX_SMALL_BYTES + 16 * _NUMBER_BYTES + _MAX_THUMBNAILS * _MAX_ROW_BYTES

_MAX_SIDE = 2**31 - 1

_DATE = re.compile(r"(?:\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)?", re.ASCII)
_DIGEST = re.compile(r"(?:[0-9a-f]{16})?")


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
        width, height, taken, placeholder, sizes = result
        head = _FACTS.pack(time_ns, width, height, len(sizes))
        texts = _text(taken), _text(placeholder)
        return _message(Kind.FACTS, head, *texts, *[_SIZE.pack(*size) for size in sizes])
    if isinstance(result, Whole):
        return _message(Kind.WHOLE, _SECONDS.pack(time_ns))
    numbers = [
        number.to_bytes(_NUMBER_BYTES, "little", signed=True)
        for number in _numbers_of(result.state)
    ]
    return _message(
        Kind.THUMBNAILS,
        _THUMBNAILS.pack(time_ns, len(result.encoded)),
        *numbers,
        *[_text(getattr(result, name)) for name in _TEXTS],
        *[
            _ROW.pack(_FORMATS.index(one.format), one.width, one.height, len(one.data))
            + _text(one.placeholder)
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


def check_header(kind: int, length: int, most_bytes: Callable[[], int]) -> None:
    """Check that a message of a kind and length may be sent in the course of a job.

    Args:
        most_bytes: returns the length of all thumbnails that the job may lead to; asked if they
            are not small.

    Raises:
        BadAnswer: it may not.
    """
    if kind not in _KINDS_OF_JOB:
        raise BadAnswer(f"a message of kind {kind}")
    are_thumbnails = kind == Kind.THUMBNAILS
    most = _MAX_ROWS_BYTES if are_thumbnails else _MAX_SMALL_BYTES
    if length > most and not (are_thumbnails and length <= most + most_bytes()):
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

    def unpack(self, form: Struct) -> tuple[Any, ...]:
        """Return the next numbers, or bytes."""
        at, self._at = self._at, self._at + form.size
        return form.unpack_from(self._data, at)

    def piece(self, length: int) -> bytes:
        """Return the next bytes."""
        at, self._at = self._at, self._at + length
        if self._at > len(self._data):
            raise BadAnswer("less than it says")
        return self._data[at : self._at]

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
    time_ns, width, height, count = content.unpack(_FACTS)
    taken, placeholder = content.text(), content.text()
    sizes = tuple([content.unpack(_SIZE) for _ in range(count)])
    sides = (width, height, *(side for size in sizes for side in size))
    if max(sides) > _MAX_SIDE or not (_DATE.fullmatch(taken) and is_placeholder(placeholder)):
        raise BadAnswer("facts that make no sense")
    if count > len(job.thumbnails):
        raise BadAnswer(f"{count} thumbnails in place of {len(job.thumbnails)}")
    facts = HeaderFacts(width, height, taken, placeholder, sizes)
    return Answer(facts, time_ns / 1e9)


def _read_whole(content: _Body, job: Job) -> Answer:
    return Answer(Whole(), content.unpack(_SECONDS)[0] / 1e9)


def _read_thumbnails(content: _Body, job: Job) -> Answer:
    time_ns, count = content.unpack(_THUMBNAILS)
    if count != len(job.wanted):
        raise BadAnswer(f"{count} thumbnails in place of {len(job.wanted)}")
    numbers = tuple([int.from_bytes(one, "little", signed=True) for one in content.unpack(_STATE)])
    texts = {name: content.text() for name in _TEXTS}
    rows = [(*content.unpack(_ROW), content.text()) for _ in range(count)]
    made = []
    for code, width, height, length, placeholder in rows:
        if code >= len(_FORMATS):
            raise BadAnswer("a thumbnail in no known format")
        if not (0 < width <= _MAX_SIDE and 0 < height <= _MAX_SIDE):
            raise BadAnswer(f"a thumbnail of {width} x {height} px")
        if not is_placeholder(placeholder):
            raise BadAnswer("a placeholder that is none")
        data = content.piece(length)
        made.append(EncodedThumbnail(data, _FORMATS[code], width, height, placeholder))
    state = job.source  # in most cases, and else all but the numbers
    if numbers != _numbers_of(state):
        state = replace(state, **dict(zip(_NUMBERS, numbers, strict=True)))  # type: ignore[arg-type]
    if state.size_bytes < 0 or not _DIGEST.fullmatch(texts["digest"]):
        raise BadAnswer("a source of less than no bytes, or with a digest that is none")
    return Answer(Rendering(state, tuple(made), **texts), time_ns / 1e9)


_READERS: dict[int, Callable[[_Body, Job], Answer]] = {
    Kind.FAILURE: _read_failure,
    Kind.THUMBNAILS: _read_thumbnails,
    Kind.FACTS: _read_facts,
    Kind.WHOLE: _read_whole,
}
