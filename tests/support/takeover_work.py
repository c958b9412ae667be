"""Workers that a picture has taken over: a job's name says what they send in place of answers."""

from __future__ import annotations

import os
import pickle
import socket
import struct
import sys
import time
from collections.abc import Callable
from types import FrameType

from thumbnailer.engine.messages import answers
from thumbnailer.engine.messages.answers import Kind
from thumbnailer.model import EncodedThumbnail, Failure, HeaderFacts, Job, Rendering, Whole

FOREVER_SECONDS = 3600

# What the content of a good answer begins with.
START = b"\x89PNG\r\n\x1a\n"


class Command:
    """What runs a command where it is unpickled."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, (self.command,)


def message(kind: int, body: bytes, length: int | None = None) -> bytes:
    """A message of any kind, which may state another length than it has."""
    return struct.pack("<BI", kind, len(body) if length is None else length) + body


def thumbnails(job: Job, *many: EncodedThumbnail, note: str = "") -> bytes:
    return answers.answer(Rendering(job.source, many, note), 0.0)


def thumbnail(
    data: bytes = START, format: str = "png", width: int = 1, height: int = 1
) -> EncodedThumbnail:
    return EncodedThumbnail(data, format, width, height)


def forged(job: Job, at: int, data: bytes) -> bytes:
    """A good answer, of which some bytes are others."""
    whole = bytearray(thumbnails(job, thumbnail(START + b"x" * 100), note="a note"))
    whole[at : at + len(data)] = data
    return bytes(whole)


def framed(pickled: bytes) -> bytes:
    """A message as `multiprocessing` sends it."""
    return struct.pack("!i", len(pickled)) + pickled


# Where an answer has its note, after the header, two numbers and three of 16 bytes, and where it
# has its first row, after a note of six characters and no digest.
NOTE_AT = 5 + 9 + 3 * 16
ROW_AT = NOTE_AT + 2 + 6 + 2

# What is sent at once, by the job's name; some take a word more.
SENT: dict[str, Callable[[Job, str], bytes]] = {
    "pickle": lambda job, word: pickle.dumps([Command(f"touch {word}")]),
    "framed-pickle": lambda job, word: framed(pickle.dumps([Command(f"touch {word}")])),
    "pickled-thumbnails": lambda job, word: message(
        Kind.THUMBNAILS, pickle.dumps([Command(f"touch {word}")])
    ),
    "zeros": lambda job, word: bytes(1 << 20),
    "ones": lambda job, word: b"\xff" * (1 << 20),
    "long": lambda job, word: message(Kind.THUMBNAILS, b"", 2**32 - 1),
    "long-failure": lambda job, word: message(Kind.FAILURE, b"", 10**6),
    "longer": lambda job, word: message(Kind.FAILURE, bytes(100), 90),
    "shorter": lambda job, word: message(Kind.THUMBNAILS, bytes(3)),
    "unknown": lambda job, word: message(99, b""),
    "ready": lambda job, word: answers.ready(""),
    "facts": lambda job, word: answers.answer(HeaderFacts(1, 1, "", ""), 0.0),
    "whole": lambda job, word: answers.answer(Whole(), 0.0),
    "none": lambda job, word: thumbnails(job),
    "two": lambda job, word: thumbnails(job, thumbnail(), thumbnail()),
    "no-size": lambda job, word: thumbnails(job, thumbnail(width=0)),
    "too-high": lambda job, word: thumbnails(job, thumbnail(height=2)),
    "too-wide": lambda job, word: thumbnails(job, thumbnail(width=1 << 30)),
    "other-format": lambda job, word: thumbnails(job, thumbnail(b"\xff\xd8\xff", "jpeg")),
    "no-png": lambda job, word: thumbnails(job, thumbnail(b"\xff\xd8\xff")),
    "script": lambda job, word: thumbnails(job, thumbnail(b"#!/bin/sh\ntouch " + word.encode())),
    "empty": lambda job, word: thumbnails(job, thumbnail(b"")),
    "no-format": lambda job, word: forged(job, ROW_AT, b"\xc8"),
    "longer-data": lambda job, word: forged(job, ROW_AT + 9, b"\xff\xff"),
    "no-utf8": lambda job, word: forged(job, NOTE_AT + 2, b"\xff"),
    "escape": lambda job, word: forged(job, NOTE_AT + 2, b"\x1b[2J"),
    "longer-text": lambda job, word: forged(job, NOTE_AT, b"\xff\xff"),
    "less-than-nothing": lambda job, word: forged(job, 5 + 9, b"\xff" * 16),
    "claims": lambda job, word: answers.claim(1) * 1000,
    "no-claim": lambda job, word: message(Kind.CLAIM, b"\1\2\3"),
    "no-stage": lambda job, word: message(Kind.FAILURE, struct.pack("<QBBH", 0, 200, 0, 0)),
    "no-flags": lambda job, word: message(Kind.FAILURE, struct.pack("<QBBH", 0, 0, 255, 0)),
}


def raw(job: Job, claim: Callable[[int], None]) -> Rendering | Failure:
    """Send what the first word of the job's name says, and more of it as long as it is taken."""
    name, _, word = job.wanted[0].name.partition(" ")
    if name in SENT:
        send(SENT[name](job, word))
        time.sleep(FOREVER_SECONDS)
    match name:
        case "flood":
            while True:
                send(bytes.fromhex(word) * 1000)
        case "answers":  # for more jobs than there are
            while True:
                send(thumbnails(job, thumbnail(width=os.getpid())))
        case "claim-all":  # more than there is, and keep it
            claim(2**60)
            time.sleep(FOREVER_SECONDS)
        case "stall":  # after so many bytes of a good answer
            send(thumbnails(job, thumbnail(START + bytes(100)))[: int(word)])
            time.sleep(FOREVER_SECONDS)
        case "drip":  # a good answer, byte by byte
            for byte in thumbnails(job, thumbnail(START + bytes(10**6))):
                send(bytes([byte]))
                time.sleep(0.05)
        case "hang-up":
            connection().close()
            time.sleep(FOREVER_SECONDS)
        case "deaf":  # answer, and take no job any more
            send(thumbnails(job, thumbnail(width=os.getpid())))
            time.sleep(FOREVER_SECONDS)
        case "babble":  # answer, and then say more without being asked
            send(thumbnails(job, thumbnail(width=os.getpid())) * 2)
            time.sleep(FOREVER_SECONDS)
    return Rendering(job.source, (thumbnail(width=os.getpid()),))


def connection() -> socket.socket:
    """The pipe to the parent, which the code around this one has."""
    frame: FrameType | None = sys._getframe()
    while frame:
        for value in frame.f_locals.values():
            if isinstance(value, socket.socket):
                return value
        frame = frame.f_back
    raise LookupError


def send(data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(connection().fileno(), rest) :]
