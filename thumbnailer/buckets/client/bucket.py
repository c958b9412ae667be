"""One bucket of object storage, and the requests to it.

Requests run on a thread of their own, so that a caller can stop waiting at any moment. Errors
become OSErrors in plain words, because those of the libraries quote URLs, headers and key ids.
"""

from __future__ import annotations

import asyncio
import errno
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

from thumbnailer.buckets.client.ask import ask
from thumbnailer.buckets.client.connect import connect
from thumbnailer.buckets.client.errors import UnorderedListing, error_codes
from thumbnailer.buckets.client.listings.listed_object import ListedObject, listed_object
from thumbnailer.buckets.client.listings.obstore_pages import ObstorePages
from thumbnailer.buckets.client.listings.pages_ahead import PagesAhead, Waits
from thumbnailer.buckets.client.requests import Stopped, in_thread, send, wait_for
from thumbnailer.model import Stop

T = TypeVar("T")
Request = Callable[[], Awaitable[T]]

# The keys in a page of a listing, the same for all services.
PAGE_KEYS = 1000

# A text with this at its end sorts after all keys that begin with that text.
AFTER_ALL_KEYS = "\U0010ffff"

# How long a listing that has told whether there is anything is kept for one that goes on with it.
_KEPT_SECONDS = 5.0

# The most requests of one caller that run at the same time.
MAX_CONCURRENT_REQUESTS = 32


class Bucket:
    """Client of one bucket, which finds credentials where the service's own tools find them.

    Args:
        url: such as `s3://bucket`.
        endpoint: the URL of the service; "" for the usual one of the scheme.
        stop: once it is set, waiting for an answer raises `Stopped`.

    Raises:
        ConfigError: the extra is not installed, or the name or the environment makes no sense.
    """

    def __init__(self, url: str, endpoint: str = "", stop: Stop | None = None) -> None:
        self.url, self._stop = url, stop
        self._connection = connect(url, endpoint)
        self._store = self._connection.store

    @property
    def has_conditions(self) -> bool:
        """Whether the server takes conditional writes, as far as is known."""
        return self._connection.has_conditions

    @property
    def lists_from_anywhere(self) -> bool:
        """Whether a listing that starts after a key costs no more than another."""
        return not self.url.startswith("az://")  # Azurite's start at the first key

    def run_concurrently(self, requests: Sequence[Request[T]]) -> list[T | OSError]:
        """Run requests concurrently, and return the answer or the OSError of each.

        Raises:
            Stopped: `stop` was set; requests that were under way may have been done or not.
        """

        async def all_of_them() -> list[T | OSError]:
            gate = asyncio.Semaphore(MAX_CONCURRENT_REQUESTS)

            async def one(request: Request[T]) -> T | OSError:
                async with gate:
                    try:
                        return await request()
                    except OSError as error:
                        return error

            return await asyncio.gather(*map(one, requests))

        return wait_for(send(all_of_them()), self._stop)

    def run(self, request: Request[T]) -> T:
        """Run one request and return its answer.

        Raises:
            Stopped: `stop` was set.
            OSError: as the request says.
        """
        (answer,) = self.run_concurrently([request])
        if isinstance(answer, OSError):
            raise answer
        return answer

    def begin(self, request: Request[object]) -> None:
        """Begin a request without waiting for its answer, nor for its error."""

        async def run() -> None:
            with suppress(OSError):
                await request()

        send(run())

    def listing(
        self,
        prefix: str,
        after: str = "",
        *,
        in_order: bool = False,
        waits: Waits | None = None,
    ) -> Iterator[ListedObject]:
        """Yield the objects below a prefix, until `stop` is set.

        The first page of the listing is requested at once, each other one while that before it is
        used.

        Args:
            prefix: matched as a folder: `a` includes `a/b`, but not `ab`.
            after: yield only keys that sort after this one.
            in_order: check that they come in the order of their keys, as S3 and most others have
                it.
            waits: as for `PagesAhead`.

        Raises:
            UnorderedListing: they do not.
            OSError: it can't be listed.
        """
        return self._entries(self._pages(prefix, after, waits), after, in_order)

    def first(self, prefix: str) -> ListedObject | None:
        """Return the first object below a prefix; None if there is none.

        Raises:
            Stopped: `stop` was set.
            OSError: it can't be listed.
        """
        pages = self._pages(prefix)
        first = next(iter(pages.peek(self._stop)), None)
        self._connection.begun[prefix] = pages
        return first

    def begun_listing(self, prefix: str) -> Iterator[ListedObject]:
        """Yield the objects below a prefix, by the listing that `first` has begun a moment ago."""
        pages = self._connection.begun.pop(prefix, None)
        if not pages or time.monotonic() > pages.peeked + _KEPT_SECONDS:
            return self.listing(prefix)
        return self._entries(pages, "", in_order=False)

    def _entries(self, pages: PagesAhead, after: str, in_order: bool) -> Iterator[ListedObject]:
        last = ""
        with suppress(Stopped):
            for page in pages.pages(self._stop):
                for entry in page:
                    if entry.key < last and in_order:
                        raise UnorderedListing(errno.ENOTSUP, "lists its keys in no order")
                    last = entry.key
                    if last > after:  # Azurite knows no start
                        yield entry

    def _pages(self, prefix: str, after: str = "", waits: Waits | None = None) -> PagesAhead:
        request: Request[Sequence[ListedObject]]
        if self._connection.pages:
            listing = self._connection.pages(f"{prefix}/" if prefix else "", after)
            request = partial(in_thread, listing.next_page)
        else:
            request = ObstorePages(self._store, prefix, after, PAGE_KEYS).next_page

        async def read_page() -> Sequence[ListedObject]:
            return await self._ask(request, prefix)

        return PagesAhead(read_page, waits)

    async def get(
        self, key: str, max_bytes: int | None = None, *, first_bytes: int = 0
    ) -> tuple[bytes, ListedObject, Mapping[str, str]]:
        """Return the content of an object, its entry in a listing, and its attributes.

        Args:
            first_bytes: how much of the content is wanted, from its start; 0 for all of it.

        Raises:
            OSError: there is no such object, it can't be read, or is larger than `max_bytes`.
        """

        async def whole() -> tuple[bytes, ListedObject, Mapping[str, str]]:
            options: Any = {"range": (0, first_bytes)} if first_bytes else None
            found = await self._store.get_async(key, options=options)
            if max_bytes is not None and found.meta["size"] > max_bytes:
                del found  # which ends the connection: nobody reads what it would bring
                raise OSError(errno.EFBIG, "has grown since it was listed", self._at(key))
            data = bytes(await found.bytes_async())
            if len(data) != min(found.meta["size"], first_bytes or found.meta["size"]):
                raise ConnectionError(errno.EIO, "the connection broke off", self._at(key))
            return data, listed_object(found.meta), found.attributes

        return await self._ask(whole, key)

    async def first_bytes(self, key: str, most: int) -> bytes:
        """Return how an object begins that has so many bytes at least.

        Raises:
            OSError: there is no such object, or it can't be read.
        """

        async def part() -> bytes:
            found = await self._store.get_async(key, options={"range": (0, most)})
            return bytes(await found.bytes_async())

        return await self._ask(part, key)

    async def head(self, key: str) -> tuple[ListedObject, Mapping[str, str]]:
        """Return an object's entry in a listing and its attributes, but not its content.

        Raises:
            OSError: there is no such object, or it can't be read.
        """

        async def all_but_content() -> tuple[ListedObject, Mapping[str, str]]:
            found = await self._store.get_async(key, options={"head": True})
            return listed_object(found.meta), found.attributes

        try:
            return await self._ask(all_but_content, key)
        except OSError as error:
            if error.errno not in (errno.EIO, errno.EACCES):
                raise
            trouble = error
        # Why it failed would be in the content of the answer, and one to a HEAD has none.
        with suppress(FileNotFoundError):
            await self.get(key, first_bytes=1)
        raise trouble

    async def put(
        self, key: str, data: bytes, etag: str, attributes: Mapping[str, str] | None = None
    ) -> bool:
        """Write an object, in one request that succeeds whole or not at all.

        Args:
            etag: the ETag of the object to replace; "" if there is none.
            attributes: metadata to store: `Content-Type`, or any other name.

        Returns:
            Whether it was written; if not, another writer has just put an object there.

        Raises:
            OSError: it can't be written.
        """
        if not self.has_conditions:
            return await self._put_after_head(key, data, etag, attributes)
        mode: Any = {"e_tag": etag} if etag else "create"
        if etag and self.url.startswith("gs://"):  # needs a generation, which listings don't have
            try:
                there, _ = await self.head(key)
            except FileNotFoundError:
                mode = "create"
            else:
                if there.etag != etag:
                    return False
                mode = {"e_tag": etag, "version": there.version}
        try:
            done = await self._ask(lambda: self._put_if(key, data, mode, attributes), key)
            if done is None:  # what was to be replaced is gone
                done = await self._ask(lambda: self._put_if(key, data, "create", attributes), key)
        except OSError as error:
            if error.errno != errno.ENOSYS:
                raise
            self._connection.has_conditions = False
            return await self._put_after_head(key, data, etag, attributes)
        return bool(done)

    async def _put_if(
        self, key: str, data: bytes, mode: Any, attributes: Mapping[str, str] | None
    ) -> bool | None:
        """Put an object; return False if another one is there, None if none is to be replaced."""
        from obstore.exceptions import AlreadyExistsError, PreconditionError

        try:
            await self._store.put_async(
                key, data, mode=mode, attributes=attributes, use_multipart=False
            )
        except AlreadyExistsError:
            return False
        except PreconditionError as error:
            # S3 answers 404 if the object that was to be replaced is gone.
            return None if "404" in error_codes(error) else False
        return True

    async def _put_after_head(
        self, key: str, data: bytes, etag: str, attributes: Mapping[str, str] | None
    ) -> bool:
        """Put an object unless another one is there, as far as a question before can tell."""
        there = ""
        with suppress(FileNotFoundError):
            there = (await self.head(key))[0].etag
        if there and there != etag:
            return False
        return bool(await self._ask(lambda: self._put_if(key, data, "overwrite", attributes), key))

    async def delete(self, *keys: str) -> None:
        """Delete objects; it is no error if there is none.

        Raises:
            OSError: one can't be deleted.
        """
        with suppress(FileNotFoundError):
            await self._ask(lambda: self._store.delete_async(keys), keys[0])

    def _at(self, key: str) -> str:
        return f"{self.url}/{key}"

    async def _ask(self, call: Callable[[], Awaitable[T]], key: str) -> T:
        return await ask(call, self._connection.pace, self._at(key))
