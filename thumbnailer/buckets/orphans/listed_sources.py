"""The pictures of SOURCEs in buckets: which were listed, and whether others are really gone."""

from __future__ import annotations

import errno
from collections.abc import Iterable
from contextlib import suppress

from thumbnailer.buckets.client.bucket import Bucket
from thumbnailer.buckets.client.errors import CredentialsEnded
from thumbnailer.buckets.client.requests import Stopped
from thumbnailer.buckets.fetch.ask_each import ask_each
from thumbnailer.errors import SourceError
from thumbnailer.hash_set import HashSet
from thumbnailer.model import Stop
from thumbnailer.thumbs.orphans.remote_sources import RemotePlace
from thumbnailer.urls import is_url


class ListedSources:
    """See `thumbs.orphans.remote_sources`.

    Args:
        roots: the SOURCEs; those on disk are passed over.
        listed: the URLs that a scan of all of them has found.
        endpoint: as in `Settings`.
        stop: once it is set, answers are not waited for.
        asks: whether what is not listed is asked for; else it counts as gone.
    """

    def __init__(
        self, roots: Iterable[str], listed: HashSet, endpoint: str, stop: Stop | None, *, asks: bool
    ) -> None:
        self._roots = {root.rstrip("/"): root for root in roots if is_url(root)}
        self._listed, self._asks = listed, asks
        self._endpoint, self._stop = endpoint, stop
        self._answers: dict[str, bool | OSError] = {}

    def find(self, url: str) -> RemotePlace | None:
        for start, root in self._roots.items():
            if url == start:
                return RemotePlace(root, "")
            if url.startswith(f"{start}/"):
                return RemotePlace(root, url[len(start) + 1 :])
        return None

    def is_listed(self, url: str) -> bool:
        return url in self._listed

    def ask(self, urls: Iterable[str]) -> None:
        """Ask for objects side by side; `is_gone` tells the answers, until the next call.

        Raises:
            SourceError: the credentials have expired.
        """
        urls = [*urls] if self._asks else []
        self._answers = dict.fromkeys(urls, InterruptedError(errno.EINTR, "interrupted"))
        with suppress(Stopped):
            answers = ask_each([(url, Bucket.head) for url in urls], self._endpoint, self._stop)
            for url, answer in zip(urls, answers, strict=True):
                if isinstance(answer, CredentialsEnded):
                    raise SourceError(answer.errno, answer.strerror, url)
                if isinstance(answer, FileNotFoundError):
                    self._answers[url] = True
                else:
                    self._answers[url] = answer if isinstance(answer, OSError) else False

    def is_gone(self, url: str) -> bool:
        if url not in self._answers:
            return not self.is_listed(url)
        answer = self._answers[url]
        if isinstance(answer, OSError):
            raise answer
        return answer
