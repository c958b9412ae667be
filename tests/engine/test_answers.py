"""What a worker sends is data of a stranger: a picture may have taken it over."""

from __future__ import annotations

import random
import struct
import sys
import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest
from support.pools import finish
from support.takeover_work import SENT, thumbnail
from support.waiting import STALL_SECONDS

from thumbnailer.engine import worker
from thumbnailer.engine.messages import answers
from thumbnailer.engine.messages.answers import BadAnswer, Kind
from thumbnailer.engine.messages.asked_for import check_asked_for, most_bytes
from thumbnailer.engine.pool import Pool
from thumbnailer.engine.worker_main import PoolOptions
from thumbnailer.model import (
    Answer,
    EncodedThumbnail,
    Failure,
    Folder,
    HeaderFacts,
    Job,
    Outcome,
    Rendering,
    Source,
    WantedThumbnail,
    Whole,
    is_placeholder,
)
from thumbnailer.recipe import Area, Box, Limits, Recipe, Share

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="writes to descriptors of Unix")

TAKEN_OVER = "support.takeover_work:raw"
GOOD = [f"good {number}" for number in range(20)]
LONG_SECONDS = 600


def job(name: str) -> Job:
    """One that asks for a `png` of 1 px height and any width."""
    recipe = Recipe(box=Box(None, 1), format="png")
    wanted = WantedThumbnail(Folder("", ""), "", name, recipe)
    return Job(Source(name, 0, 0), (wanted,), Limits(1 << 23, 1, 1 << 30))


def pool(
    timeout_s: float, workers: int = 2, result: type[answers.Result] | None = Rendering
) -> Pool:
    options = PoolOptions(workers, timeout_s, 1 << 30, 1 << 30, "off", result=result)
    return Pool(TAKEN_OVER, options, finish)


def outcomes(
    *names: str,
    timeout_s: float = LONG_SECONDS,
    result: type[answers.Result] | None = Rendering,
) -> dict[str, Outcome]:
    with pool(timeout_s, result=result) as workers:
        return {one.source.path: one for one in workers.imap_unordered(map(job, names))}


def check_alone(name: str, *, timeout_s: float = LONG_SECONDS) -> Failure:
    """What is sent costs that picture and no other; why it failed."""
    before, begin = peak_mebibytes(), time.monotonic()
    found = outcomes(*GOOD[:10], name, *GOOD[10:], timeout_s=timeout_s)
    assert time.monotonic() - begin < STALL_SECONDS
    assert peak_mebibytes() - before < 200
    error = found.pop(name).error
    assert error
    assert {one.status for one in found.values()} == {"made"}
    assert not error.lasts
    assert not error.fatal
    assert error.suspect
    return error


def peak_mebibytes() -> int:
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10


@pytest.mark.parametrize("name", SENT)
def test_what_is_no_answer_costs_its_picture_and_its_worker(name: str, tmp_path: Path) -> None:
    error = check_alone(f"{name} {tmp_path / 'ran'}")
    assert error.stage == "crashed"
    assert error.reason.startswith("crashed: the worker process sent what is no answer: ")
    assert error.reason.isprintable()
    assert not [*tmp_path.iterdir()], "it was run here"


@pytest.mark.parametrize("bytes", ["00", "01", "ff", "0200000000", "800495"])
def test_a_flood_costs_its_picture_and_its_worker(bytes: str) -> None:
    assert "no answer" in check_alone(f"flood {bytes}").reason


# The first is in the header, the last in the content of the thumbnail.
STALLS = [1, 4, 5, 6, 20, 100]


@pytest.mark.parametrize("after", [0, *STALLS])
def test_who_stops_in_the_middle_has_no_more_time_than_others(after: int) -> None:
    assert check_alone(f"stall {after}", timeout_s=1).stage == "timeout"


@pytest.mark.parametrize("after", STALLS)
def test_who_stops_in_the_middle_of_an_answer_is_not_waited_for(
    after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "_MESSAGE_SECONDS", 1.0)
    error = check_alone(f"stall {after}")
    assert error.reason.endswith("no answer: nothing more in the middle of a message")


def test_a_message_that_has_begun_has_a_bound_of_its_own() -> None:
    assert worker._MESSAGE_SECONDS < STALL_SECONDS


@pytest.mark.parametrize("timeout_s", [1, LONG_SECONDS])
def test_an_answer_that_comes_byte_by_byte_is_not_waited_for(
    timeout_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "_MESSAGE_SECONDS", 1.0)
    assert check_alone("drip", timeout_s=timeout_s).stage in ("timeout", "crashed")


def test_a_worker_that_closes_its_pipe_is_lost() -> None:
    assert check_alone("hang-up").reason.startswith("crashed: the worker process")


def test_nobody_waits_longer_for_one_who_claims_all_memory() -> None:
    assert check_alone("claim-all", timeout_s=1).stage == "timeout"


def test_an_answer_to_what_was_not_asked_costs_no_other_picture() -> None:
    for name in ("babble", "answers"):
        found = outcomes(name, *GOOD, timeout_s=5)
        assert {one.status for one in found.values()} == {"made"}, name


@pytest.mark.parametrize("mebibytes", [0, 10])
def test_a_worker_that_takes_no_job_holds_up_nobody(mebibytes: int) -> None:
    names = ["deaf", *GOOD]
    data = bytes(mebibytes << 20)
    with pool(1, workers=1) as workers:
        begin = time.monotonic()
        found = [*workers.imap_unordered(replace(job(name), data=data) for name in names)]
        assert time.monotonic() - begin < STALL_SECONDS
    assert {one.source.path: one.status for one in found} == dict.fromkeys(names, "made")


def test_a_worker_that_takes_no_job_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "_MESSAGE_SECONDS", 1.0)
    data = bytes(10 << 20)
    with pool(LONG_SECONDS, workers=1) as workers:
        found = [*workers.imap_unordered(replace(job(name), data=data) for name in ("deaf", "a"))]
    assert {one.status for one in found} == {"made"}


# Real answers of each kind, and jobs that they are for.

PNG, JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"
WEBP, GIF, AVIF = b"RIFF\0\0\0\0WEBP", b"GIF89a", b"\0\0\0\x1cftypavif"
LIMITS = Limits(10**7, 60, 1 << 30)
PLACEHOLDER = "3OcRJYB4d3h/iIeHeEh3eIhw2j3N"


def job_of(*recipes: Recipe) -> Job:
    wanted = (WantedThumbnail(Folder("", ""), "", f"{at}", each) for at, each in enumerate(recipes))
    source = Source("/photos/a.jpg", 123, 456, "2026", "etag")
    return Job(source, tuple(wanted), LIMITS)


SMALL = Recipe(box=Box(256, 256), format="jpeg")
ANSWERS: list[tuple[Job, Rendering | HeaderFacts | Whole | Failure]] = [
    (
        job_of(SMALL),
        Rendering(Source("", 1, 2), (EncodedThumbnail(JPEG, "jpeg", 256, 9, PLACEHOLDER),)),
    ),
    (
        job_of(replace(SMALL, format="auto"), replace(SMALL, format="webp"), SMALL),
        Rendering(
            Source("", 2**40, 2**70),  # a time after the year 2262
            (
                EncodedThumbnail(PNG + bytes(100), "png", 1, 1, PLACEHOLDER),
                EncodedThumbnail(WEBP + bytes(5), "webp", 7, 256),
                EncodedThumbnail(JPEG + bytes(70_000), "jpeg", 200, 150),
            ),
            "truncated at 61 %, the rest is blank",
        ),
    ),
    (
        job_of(Recipe(box=Box(None, 64), format="gif"), Recipe(box=Box(64, None), format="avif")),
        Rendering(
            Source("", 1, -5),
            (EncodedThumbnail(GIF, "gif", 5000, 64), EncodedThumbnail(AVIF, "avif", 64, 5000)),
        ),
    ),
    (job_of(SMALL), Failure("open", "is empty")),
    (job_of(SMALL), Failure("decode", "Größe: 鳥 🦜", lasts=False)),
    (job_of(SMALL), Failure("crashed", "crashed: MemoryError", lasts=False, suspect=True)),
    (job_of(SMALL), HeaderFacts(4000, 3000, "2024-05-01 12:30:00", PLACEHOLDER, ((256, 192),))),
    (job_of(SMALL), HeaderFacts(0, 0, "", "")),
    (job_of(SMALL), Whole()),
]


def read(message: bytes, to: Job, result: type[answers.Result]) -> Answer | int:
    """What the parent makes of a message, or of its beginning."""
    kind, length = answers.read_header(message[: answers.HEADER_BYTES])
    answers.check_header(kind, length, lambda: most_bytes(to))
    body = message[answers.HEADER_BYTES :][:length]
    if kind == Kind.CLAIM:
        return answers.read_claim(body)
    answer = answers.read_answer(kind, body, to)
    check_asked_for(answer.result, to, result)
    return answer


def result_type(result: object) -> type[answers.Result]:
    return type(result) if isinstance(result, HeaderFacts | Whole) else Rendering


@pytest.mark.parametrize("number", range(len(ANSWERS)))
def test_an_answer_is_read_as_it_was_given(number: int) -> None:
    to, result = ANSWERS[number]
    answer = read(answers.answer(result, 1.5), to, result_type(result))
    assert isinstance(answer, Answer)
    assert answer.seconds == 1.5
    if isinstance(result, Rendering):
        state = result.state
        state = replace(to.source, size_bytes=state.size_bytes, mtime_ns=state.mtime_ns)
        result = replace(result, state=state)
    assert answer.result == result


def test_of_its_source_a_worker_tells_no_more_than_numbers() -> None:
    to, _ = ANSWERS[0]
    lie = Source("/etc/passwd", 1, 2, "../../..", "another")
    answer = read(answers.answer(Rendering(lie, (thumbnail(JPEG, "jpeg"),)), 0.0), to, Rendering)
    assert isinstance(answer, Answer)
    assert isinstance(answer.result, Rendering)
    assert answer.result.state == replace(to.source, size_bytes=1, mtime_ns=2)


def test_a_worker_can_not_end_the_run() -> None:
    fatal = Failure("open", "no space left", fatal=True)
    answer = read(answers.answer(fatal, 0.0), job("a"), Rendering)
    assert isinstance(answer, Answer)
    assert answer.result == replace(fatal, fatal=False)
    for stage in ("write", "timeout", "stopped", "scan"):
        with pytest.raises(ValueError, match="not in tuple"):
            answers.answer(Failure(stage, ""), 0.0)


def test_texts_are_short_and_can_be_shown() -> None:
    for text in ("x" * 10_000, "🦜" * 10_000, "two\nlines", "\x1b[2J", "\udcff", "\0"):
        answer = read(answers.answer(Failure("open", text), 0.0), job("a"), Rendering)
        assert isinstance(answer, Answer)
        assert isinstance(answer.result, Failure)
        assert len(answer.result.reason) <= 500
        assert answer.result.reason.isprintable()


def test_a_longer_text_is_no_answer() -> None:
    for length, is_good in ((2000, True), (2001, False)):
        body = struct.pack("<QBBH", 0, 0, 0, length) + b"x" * length
        said = struct.pack("<BI", Kind.FAILURE, len(body)) + body
        with nullcontext() if is_good else pytest.raises(BadAnswer):
            read(said, job("a"), Rendering)


# Recipes, and what can't come of them: format, content, width and height.
IMPOSSIBLE: list[tuple[Recipe, str, bytes, int, int]] = [
    (SMALL, "jpeg", JPEG, 257, 1),
    (SMALL, "jpeg", JPEG, 1, 257),
    (SMALL, "jpeg", JPEG, 0, 1),
    (SMALL, "jpeg", PNG, 1, 1),
    (SMALL, "png", PNG, 1, 1),
    (replace(SMALL, format="auto"), "webp", WEBP, 1, 1),
    (replace(SMALL, max_bytes=2), "jpeg", JPEG, 1, 1),
    (SMALL, "jpeg", JPEG + bytes(40 << 20), 1, 1),
    (replace(SMALL, box=Box(256, None)), "jpeg", JPEG, 256, 65_501),
    (replace(SMALL, box=Box(256, None)), "jpeg", JPEG, 256, 40_000),  # 10 megapixels are allowed
    (replace(SMALL, box=Box(256, None)), "jpeg", JPEG, 257, 1),
    (replace(SMALL, box=Area(10_000)), "jpeg", JPEG, 101, 100),
    (replace(SMALL, box=Share(50.0)), "jpeg", JPEG, 4000, 2501),
]


@pytest.mark.parametrize("number", range(len(IMPOSSIBLE)))
def test_what_was_not_asked_for_is_no_answer(number: int) -> None:
    recipe, format, data, width, height = IMPOSSIBLE[number]
    source = Source("", 0, 0)
    said = answers.answer(Rendering(source, (EncodedThumbnail(data, format, width, height),)), 0.0)
    with pytest.raises(BadAnswer):
        read(said, job_of(recipe), Rendering)


@pytest.mark.parametrize("placeholder", ["a", "<script>alert(1)</script>0000", "A" * 40, "A" * 60])
def test_a_placeholder_that_is_none_is_no_answer(placeholder: str) -> None:
    made = Rendering(Source("", 0, 0), (EncodedThumbnail(JPEG, "jpeg", 9, 9, placeholder),))
    for result in (made, HeaderFacts(9, 9, "", placeholder)):
        with pytest.raises(BadAnswer):
            read(answers.answer(result, 0.0), job_of(SMALL), type(result))


def mutants(chance: random.Random, message: bytes) -> Iterator[bytes]:
    """A message cut, lengthened, or with other bytes; its header mostly states its length."""
    size = len(message)
    while True:
        data = bytearray(message)
        for _ in range(chance.randint(1, 3)):
            at, count = chance.randrange(min(size, 80)), chance.choice([1, 2, 4, 8, 16])
            match chance.choice(["flip", "cut", "insert", "extreme", "random"]):
                case "flip":
                    data[at % len(data)] ^= 1 << chance.randrange(8)
                case "cut":
                    del data[at : at + count]
                case "insert":
                    data[at:at] = chance.randbytes(count)
                case "extreme":
                    data[at : at + count] = chance.choice([b"\0", b"\x7f", b"\xff"]) * count
                case "random":
                    data[at : at + count] = chance.randbytes(count)
            data = data or bytearray(b"\0")
        if len(data) > answers.HEADER_BYTES and chance.random() < 0.8:
            data[1:5] = (len(data) - answers.HEADER_BYTES).to_bytes(4, "little")
        yield bytes(data)


@pytest.mark.parametrize("seed", [1, *(pytest.param(n, marks=pytest.mark.slow) for n in (2, 3, 4))])
def test_any_bytes_are_an_answer_or_none(seed: int) -> None:
    """Whatever comes is read as an answer that was asked for, or refused by the one error."""
    chance = random.Random(seed)
    good = bad = 0
    for to, result in ANSWERS:
        whole = answers.answer(result, 0.25)
        made = mutants(chance, whole)
        for number in range(3000):
            data = next(made) if number % 4 else chance.randbytes(chance.randrange(5, 300))
            if len(data) < answers.HEADER_BYTES:
                continue
            try:
                answer = read(data, to, result_type(result))
            except BadAnswer:
                bad += 1
                continue
            good += 1
            check_sane(answer, to)
    assert good > 1000
    assert bad > 1000


def check_sane(answer: Answer | int, to: Job) -> None:
    if isinstance(answer, int):
        assert answer >= 0
        return
    result, seconds = answer
    assert 0 <= seconds < 2**64
    if isinstance(result, Failure):
        assert result.stage in answers.STAGES
        assert result.reason.isprintable()
        assert not result.fatal
    elif isinstance(result, Rendering):
        assert replace(result.state, size_bytes=123, mtime_ns=456, ctime_ns=0) == to.source
        assert len(result.encoded) == len(to.wanted)
        assert result.note.isprintable()
        assert all(is_placeholder(one.placeholder) for one in result.encoded)
    elif isinstance(result, HeaderFacts):
        assert max(result[:2]) < 2**31
        assert len(result.taken) in (0, 19)
        assert is_placeholder(result.placeholder)


@pytest.mark.parametrize("number", range(len(ANSWERS)))
def test_an_answer_that_is_cut_anywhere_is_none(number: int) -> None:
    to, result = ANSWERS[number]
    message = answers.answer(result, 1.5)
    kind, length = answers.read_header(message[: answers.HEADER_BYTES])
    body = message[answers.HEADER_BYTES :]
    for end in [*range(min(length, 400)), length - 1] if length else []:
        with pytest.raises(BadAnswer):
            answers.read_answer(kind, body[:end], to)
    for more in (b"\0", body, bytes(1000)):
        if more:
            with pytest.raises(BadAnswer):
                answers.read_answer(kind, body + more, to)


def test_how_long_a_message_may_be_depends_on_its_job() -> None:
    def check(kind: int, length: int, recipe: Recipe = SMALL) -> None:
        answers.check_header(kind, length, lambda: most_bytes(job_of(recipe)))

    check(Kind.THUMBNAILS, 30 << 20)
    free, film = replace(SMALL, box=Box(256, None)), replace(SMALL, animated=True, format="gif")
    for kind, length, recipe in (
        (Kind.FAILURE, 10_000, SMALL),
        (Kind.CLAIM, 10_000, SMALL),
        (Kind.READY, 0, SMALL),
        (Kind.THUMBNAILS, 40 << 20, SMALL),
        (Kind.THUMBNAILS, 40 << 20, replace(SMALL, max_bytes=10_000)),
        (Kind.THUMBNAILS, 2 << 30, free),
        (Kind.THUMBNAILS, 2 << 30, film),
    ):
        with pytest.raises(BadAnswer):
            check(kind, length, recipe)


# What a pool accepts that is not told what its answers are to be: any looks, but no nonsense.
UNASKED = ["facts", "whole", "too-high", "too-wide", "other-format", "no-png", "script", "empty"]


@pytest.mark.parametrize("name", [name for name in SENT if name not in UNASKED])
@pytest.mark.few(5)
def test_what_makes_no_sense_is_no_answer_to_anything(name: str, tmp_path: Path) -> None:
    found = outcomes(name, *GOOD[:3], result=None)
    error = found.pop(name).error
    assert error
    assert error.stage == "crashed"
    assert {one.status for one in found.values()} == {"made"}
