"""Thumbnails in a bucket: which there are, told by listings alone.

There is no ledger, for many machines may write at once. A thumbnail is current that is younger than
its source, by whole seconds, and than the mark of its folder, an object that says what thumbnails
look like there.
"""

from __future__ import annotations

import os
import time
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property, partial
from hashlib import md5
from itertools import islice
from typing import NamedTuple

from thumbnailer.abreast import Abreast, State
from thumbnailer.bucket import Bucket, Entry, Stopped
from thumbnailer.errors import OutputError
from thumbnailer.ledger import MARK
from thumbnailer.model import (
    Failure,
    Folder,
    Job,
    Limits,
    Outcome,
    Recipe,
    Seen,
    Source,
    Status,
    Stop,
    Thumbnail,
    Wanted,
    attempt_fingerprint,
)
from thumbnailer.naming import formats_of, uncut_name
from thumbnailer.plan import is_less, together
from thumbnailer.records import (
    MADE,
    RECORDS,
    Mark,
    mark_bytes,
    picture_of,
    read_mark,
    read_record,
    state_of,
    version_of,
)
from thumbnailer.shelf import AGAIN
from thumbnailer.urls import split

# What a thumbnail says of its source is asked of so many at once.
_ASKED_AT_ONCE = 64

# So many names and folders are kept in mind; a name can only be given twice to two that are close.
_KEPT = 10_000

# The times of objects have whole seconds.
_TICK_SECONDS = 1.1

# Under which a thumbnail says of what it was made.
VERSION = "thumbnailer-source"


class Found(NamedTuple):
    """What there is of a source's thumbnail.

    Attributes:
        folder: where it is, relative to the output.
        names: its own, and its other if its format shows only when it is made.
        entries: what is there under these names.
        record: the name of what is remembered of an earlier attempt, or "".
        standing: what an earlier run made of the source as it is now, if it did and that is enough.
    """

    folder: str
    names: list[str]
    entries: list[Entry | None]
    record: str
    standing: Outcome | None


# An outcome, or a source with what there is of each of its thumbnails.
_Item = tuple[Source | Outcome, list[Found]]


class Depot:
    """The thumbnails of one size in a bucket.

    Args:
        bucket: where they are.
        output: the URL of the output tree.
        size: the folder of the size in it, or "".
        recipe, limits: what they should look like, and may cost.
    """

    def __init__(
        self, bucket: Bucket, output: str, size: str, recipe: Recipe, limits: Limits
    ) -> None:
        self._bucket, self._recipe = bucket, recipe
        self._prefix = "/".join(filter(None, (split(output)[1], size)))
        self._url = "/".join(filter(None, (bucket.url, self._prefix)))
        self._formats = formats_of(recipe.format)
        self._looks, self._attempt = recipe.fingerprint, attempt_fingerprint(recipe, limits)
        self._marks: OrderedDict[str, Mark | None] = OrderedDict()
        self._given: OrderedDict[str, str] = OrderedDict()
        self._started = time.monotonic()

    @cached_property
    def _abreast(self) -> Abreast:
        return Abreast(self._listing)

    def look(self, source: Source, name: str) -> Found | Failure:
        """What there is of a source, or why it can have no thumbnail.

        Args:
            name: of the source, without its folder.

        Raises:
            OutputError: the bucket can't be read.
        """
        folder = source.below if os.sep == "/" else source.below.replace(os.sep, "/")
        below = f"{folder}/" if folder else ""
        names = [uncut_name(name, format) for format in self._formats]
        keys = [below + name for name in names]
        try:
            (below + name).encode()
            state, entries = self._abreast.look(below + name, *keys)
            mark = self._marks[folder] if folder in self._marks else self._mark(folder, state)
        except UnicodeEncodeError:
            return Failure("plan", "its name is not valid UTF-8, as a key must be")
        except OSError as error:
            raise OutputError(f"{self._url}: {error.strerror}") from None
        for key, entry in zip(keys, entries, strict=True):
            if trouble := self._claim(key, source, entry, mark):
                return trouble
        record = state.records.get(picture_of(names[0]), "") if state.records else ""
        standing = self._standing(source, entries, mark, record)
        return Found(folder, names, entries, record, standing)

    def wanted(self, source: Source, found: Found) -> Wanted:
        """The thumbnail that a source should have."""
        etags = [entry.etag if entry else "" for entry in (*found.entries, None)]
        record = self._key(found.folder, f"{RECORDS}/{found.record}") if found.record else ""
        return Wanted(
            Folder(self._url, found.folder),
            source.path,
            found.names[0],
            self._recipe,
            found.names[1] if found.names[1:] else "",
            seen=Seen((etags[0], etags[1]), record),
        )

    def _standing(
        self, source: Source, entries: list[Entry | None], mark: Mark | None, record_name: str
    ) -> Outcome | None:
        note = ""
        if record_name and (record := read_record(record_name)):
            if record.stage != MADE and record.state == state_of(source, self._attempt):
                failure = Failure(record.stage, f"{record.reason}{AGAIN}")
                return Outcome(source, "failed", error=failure)
            if record.stage == MADE and record.state == state_of(source, self._looks):
                note = record.reason
        if not mark or mark.looks != self._looks:
            return None
        for entry in entries:
            if entry and entry.modified > source.mtime_ns // 10**9 and entry.modified >= mark.since:
                made = Thumbnail(f"{self._url}/{entry.key}", 0, 0, entry.size_bytes)
                return Outcome(source, "current", (made,), note=note)
        return None

    def announce(self, folder: str) -> None:
        """Have a folder say what thumbnails look like in it, before the first is put there.

        Raises:
            OutputError: it can't be written.
        """
        mark = self._marks.get(folder)
        if mark and mark.looks == self._looks:
            return
        key = self._key(folder, MARK)
        get = partial(self._bucket.get, key)
        try:
            etag = ""
            if mark:  # what is there was put in an earlier second than this will be
                time.sleep(max(0, self._started + _TICK_SECONDS - time.monotonic()))
                _, entry = self._bucket.answer(get)
                etag = entry.etag
            data = mark_bytes(self._looks, mark.ours if mark else 0)
            # If it is not done another run was quicker, most often with the same.
            self._bucket.answer(partial(self._bucket.put, key, data, etag))
            mark = read_mark(*self._bucket.answer(get))
        except OSError as error:
            raise OutputError(f"{self._url}: {error.strerror}") from None
        self._marks[folder] = mark._replace(looks=self._looks)

    def _mark(self, folder: str, state: State) -> Mark | None:
        """What the mark of a folder says; kept in mind."""
        entry, mark = state.mark, None
        if entry:
            expected = mark_bytes(self._looks)
            # S3's ETag most often is this, and then says what a request would.
            if entry.etag.strip('"') == md5(expected, usedforsecurity=False).hexdigest():
                mark = read_mark(expected, entry)
            else:
                get = partial(self._bucket.get, self._key(folder, MARK))
                mark = read_mark(*self._bucket.answer(get))
        self._marks[folder] = mark
        if len(self._marks) > _KEPT:
            self._marks.popitem(last=False)
        return mark

    def _claim(
        self, key: str, source: Source, entry: Entry | None, mark: Mark | None
    ) -> Failure | None:
        """Hold a key for a source, or say why that can't be."""
        holder = self._given.get(key)
        if holder == source.path:
            return Failure("scan", "was named twice")
        if holder:
            return Failure("plan", f"{self._url}/{key} is already the thumbnail of {holder}")
        if entry and (not mark or entry.modified < mark.ours):
            why = "is in the way: it was not made by thumbnailer"
            return Failure("plan", f"{self._url}/{key} {why}")
        self._given[key] = source.path
        if len(self._given) > _KEPT:
            self._given.popitem(last=False)
        return None

    def _listing(self, after: str) -> Iterator[Entry]:
        start = len(self._prefix) + 1 if self._prefix else 0
        after = self._key("", after) if after else ""
        for key, size_bytes, modified, etag in self._bucket.listing(self._prefix, after):
            yield Entry(key[start:], size_bytes, modified, etag)

    def _key(self, folder: str, name: str) -> str:
        return "/".join(filter(None, (self._prefix, folder, name)))


def plan(
    sources: Iterable[Source | Outcome],
    recipes: Mapping[str, Recipe],
    limits: Limits,
    *,
    output: str,
    endpoint: str = "",
    verify_etag: bool = False,
    force: bool = False,
    retry_failed: bool = False,
    dry_run: bool = False,
    stop: Stop | None = None,
) -> Iterator[Job | Outcome]:
    """What `plan.plan` gives, for thumbnails in a bucket.

    Args:
        output: the URL of the output tree.
        endpoint, verify_etag: as `Settings` has them.
        stop: once it is set it ends.

    Raises:
        OutputError: the bucket can't be read, or its folders can't be marked.
    """
    bucket = Bucket(split(output)[0], endpoint, stop)
    depots = [Depot(bucket, output, size, recipe, limits) for size, recipe in recipes.items()]

    def considered() -> Iterator[_Item]:
        for source in sources:
            if isinstance(source, Outcome):
                yield source, []
                continue
            name = os.path.basename(source.path)
            parts = []
            for depot in depots:
                found = depot.look(source, name)
                if isinstance(found, Failure):
                    status: Status = "skipped" if found.stage == "scan" else "failed"
                    yield Outcome(source, status, error=found), []
                    break
                is_enough = found.standing and suffices(found.standing)
                parts.append(found if is_enough else found._replace(standing=None))
            else:
                yield source, parts

    def suffices(standing: Outcome) -> bool:
        if force or is_less(standing, limits):
            return False
        return standing.status == "current" or not retry_failed

    items = considered()
    try:
        for source, parts in _verified(items, bucket) if verify_etag else items:
            standing = [found.standing for found in parts if found.standing]
            if isinstance(source, Outcome):
                yield source
            elif len(standing) == len(parts):
                yield standing[0] if len(standing) == 1 else together(source, standing)
            elif dry_run:
                yield Outcome(source, "skipped", error=Failure("dry run", "would be made"))
            else:
                thumbnails = list[Wanted | Thumbnail]()
                for depot, found in zip(depots, parts, strict=True):
                    if found.standing:
                        thumbnails += found.standing.thumbnails or [depot.wanted(source, found)]
                    else:
                        depot.announce(found.folder)
                        thumbnails.append(depot.wanted(source, found))
                yield Job(source, tuple(thumbnails), limits)
    except Stopped:
        return


def _verified(items: Iterator[_Item], bucket: Bucket) -> Iterator[_Item]:
    """The same, but what a thumbnail says that was made of other content no longer stands."""
    while some := list(islice(items, _ASKED_AT_ONCE)):
        keys = [split(made.path)[1] for _, parts in some for made in _made(parts)]
        answers = bucket.at_once([partial(bucket.head, key) for key in keys])
        said = {
            f"{bucket.url}/{key}": answer[1].get(VERSION)
            for key, answer in zip(keys, answers, strict=True)
            if not isinstance(answer, OSError)
        }
        for source, parts in some:
            if isinstance(source, Source):
                right = version_of(source)
                parts = [
                    found._replace(standing=None)
                    if any(said.get(made.path) != right for made in _made([found]))
                    else found
                    for found in parts
                ]
            yield source, parts


def _made(parts: Iterable[Found]) -> Iterator[Thumbnail]:
    return (made for found in parts if found.standing for made in found.standing.thumbnails)
