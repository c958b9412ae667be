"""Client of object storage (S3, Google Cloud Storage, Azure): the only file that knows obstore.

Requests run on a thread of their own, so that a caller can stop waiting at any moment. Errors
become OSErrors in plain words, because those of the libraries quote URLs, headers and key ids.
"""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from functools import cache
from importlib.util import find_spec
from typing import Any, NamedTuple, TypeVar

from thumbnailer.buckets.errors import InvalidKeyError, as_os_error, error_codes
from thumbnailer.buckets.requests import Stopped, send, wait_for
from thumbnailer.errors import ConfigError, install_hint, shortened
from thumbnailer.model import Stop

T = TypeVar("T")
Request = Callable[[], Awaitable[T]]

# The keys in a page of a listing, the same for all services.
PAGE_KEYS = 1000

# A text with this at its end sorts after all keys that begin with that text.
AFTER_ALL_KEYS = "\U0010ffff"

# The most requests of one caller that run at the same time.
MAX_CONCURRENT_REQUESTS = 32

# After throttling or a broken connection a request is retried, with growing pauses of up to 15 s.
# Requests are signed once, and a signature is valid for 15 minutes.
_RETRIES: dict[str, Any] = {"max_retries": 30, "retry_timeout": timedelta(minutes=4)}
_TIMEOUTS = {"connect_timeout": "10s", "read_timeout": "60s", "timeout": "15min"}


class ListedObject(NamedTuple):
    """Entry of a listing: an object without its content.

    Attributes:
        modified: its time in whole seconds since the epoch; S3 has no finer one.
        etag: its ETag, which differs between any two contents of a key.
    """

    key: str
    size_bytes: int
    modified: int
    etag: str


class Bucket:
    """Client of one bucket, which finds credentials where the service's own tools find them.

    Args:
        url: such as `s3://bucket`.
        endpoint: the URL of the service; "" for the usual one of the scheme.
        stop: once it is set, waiting for an answer raises `Stopped`.

    Raises:
        ConfigError: the extra is not installed, or the name makes no sense.
    """

    def __init__(self, url: str, endpoint: str = "", stop: Stop | None = None) -> None:
        self.url, self._stop = url, stop
        self._endpoint = endpoint or _endpoint_of(url)
        self._store = _store(url, self._endpoint)

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

    def listing(self, prefix: str, after: str = "") -> Iterator[ListedObject]:
        """Yield the objects below a prefix in the order of their keys, until `stop` is set.

        While one page of the listing is used, the next one is requested.

        Args:
            prefix: matched as a folder: `a` includes `a/b`, but not `ab`.
            after: yield only keys that sort after this one.

        Raises:
            OSError: it can't be listed.
        """
        last = after
        try:
            for entry in self._listed(self._pages(prefix, after)):
                if entry.key < last:  # as in the directory buckets of S3
                    raise OSError(errno.ENOTSUP, "does not list its keys in order", self.url)
                last = entry.key
                yield entry
        except InvalidKeyError:
            if not self.url.startswith("s3://"):
                raise
            # obstore fails at a key that is no proper path, such as `a//b`; boto3 lists the rest.
            yield from self._listed(self._pages_by_boto3(prefix, last))

    def _listed(self, pages: Iterator[Sequence[Any]]) -> Iterator[ListedObject]:
        with suppress(Stopped):
            for page in pages:
                yield from map(_listed_object, page)

    def _pages(self, prefix: str, after: str) -> Iterator[Sequence[Any]]:
        stream = self._store.list(prefix or None, offset=after or None, chunk_size=PAGE_KEYS)

        async def read_page() -> Sequence[Any]:
            try:
                page: Sequence[Any] = await _with_plain_errors(stream.__anext__, self._at(prefix))
            except StopAsyncIteration:
                return ()
            return page

        next_page = send(read_page())
        try:
            while page := wait_for(next_page, self._stop):
                next_page = send(read_page())
                yield page
        finally:
            next_page.cancel()

    def _pages_by_boto3(self, prefix: str, after: str) -> Iterator[Sequence[Any]]:
        import boto3

        client = boto3.client("s3", endpoint_url=self._endpoint or None)
        where = {"Bucket": self.url.partition("://")[2], "Prefix": f"{prefix}/".lstrip("/")}

        def page_after(key: str) -> list[dict[str, Any]]:
            answer = client.list_objects_v2(**where, StartAfter=key)
            return [
                {
                    "path": item["Key"],
                    "size": item["Size"],
                    "last_modified": item["LastModified"],
                    "e_tag": item["ETag"],
                }
                for item in answer.get("Contents", ())
            ]

        while True:
            page = self.run(
                lambda after=after: _with_plain_errors(  # type: ignore[misc]
                    lambda: asyncio.to_thread(page_after, after), self._at(prefix)
                )
            )
            if not page:
                return
            yield page
            after = page[-1]["path"]

    async def get(self, key: str) -> tuple[bytes, ListedObject]:
        """Return the content of an object and its entry in a listing.

        Raises:
            OSError: there is no such object, or it can't be read.
        """

        async def whole() -> tuple[bytes, ListedObject]:
            found = await self._store.get_async(key)
            data = bytes(await found.bytes_async())
            if len(data) != found.meta["size"]:
                raise ConnectionError(errno.EIO, "the connection broke off", self._at(key))
            return data, _listed_object(found.meta)

        return await _with_plain_errors(whole, self._at(key))

    async def head(self, key: str) -> tuple[ListedObject, Mapping[str, str]]:
        """Return an object's entry in a listing and its attributes, but not its content.

        Raises:
            OSError: there is no such object, or it can't be read.
        """

        async def all_but_content() -> tuple[ListedObject, Mapping[str, str]]:
            found = await self._store.get_async(key, options={"head": True})
            return _listed_object(found.meta), found.attributes

        return await _with_plain_errors(all_but_content, self._at(key))

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
        from obstore.exceptions import AlreadyExistsError, PreconditionError

        async def once(mode: Any) -> bool | None:
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

        mode: Any = {"e_tag": etag} if etag else "create"
        if etag and self.url.startswith("gs://"):  # obstore needs a generation, but lists none
            mode = "overwrite"
        done = await _with_plain_errors(lambda: once(mode), self._at(key))
        if done is None:
            done = await _with_plain_errors(lambda: once("create"), self._at(key))
        return bool(done)

    async def delete(self, *keys: str) -> None:
        """Delete objects; it is no error if there is none.

        Raises:
            OSError: one can't be deleted.
        """
        with suppress(FileNotFoundError):
            await _with_plain_errors(lambda: self._store.delete_async(keys), self._at(keys[0]))

    def _at(self, key: str) -> str:
        return f"{self.url}/{key}"


def _listed_object(meta: Any) -> ListedObject:
    modified = int(meta["last_modified"].timestamp())
    return ListedObject(meta["path"], meta["size"], modified, meta["e_tag"] or "")


@cache
def _store(url: str, endpoint: str) -> Any:
    scheme = url.partition("://")[0]
    if not find_spec("obstore"):
        raise ConfigError(f"{shortened(url)}: needs {install_hint('s3')}")
    from obstore.store import from_url

    options: dict[str, Any] = {"client_options": dict(_TIMEOUTS), "retry_config": _RETRIES}
    if endpoint:
        options["config"] = {"endpoint": endpoint}
        options["client_options"]["allow_http"] = endpoint.startswith("http://")
    if scheme == "s3" and (provider := _boto3_credentials()):
        options["credential_provider"] = provider
    try:
        return from_url(url, **options)
    except Exception as error:
        hint = "; is AZURE_STORAGE_ACCOUNT_NAME set?" if scheme == "az" else ""
        why = f"can't be reached as it is set up ({type(error).__name__})"
        trouble = ConfigError(f"{url}: {why}{hint}")
    raise trouble


def _endpoint_of(url: str) -> str:
    """Return the endpoint that the environment names for S3; else ""."""
    environment = os.environ if url.startswith("s3://") else {}
    return environment.get("AWS_ENDPOINT_URL_S3") or environment.get("AWS_ENDPOINT_URL") or ""


def _boto3_credentials() -> Callable[[], Any] | None:
    """Return boto3's credentials, from environment, profile, role or single sign-on, or None."""
    if not find_spec("boto3"):
        return None
    from obstore.auth.boto3 import Boto3CredentialProvider

    with suppress(Exception):  # such as a missing profile or role: obstore then looks by itself
        provider: Callable[[], Any] = Boto3CredentialProvider()
        return provider
    return None


async def _with_plain_errors(call: Callable[[], Awaitable[T]], place: str) -> T:
    """Return the answer to a request; raise its error in plain words, without the original."""
    try:
        return await call()
    except (StopAsyncIteration, ConnectionError):
        raise
    except Exception as error:
        trouble = as_os_error(error, place)
    raise trouble
