"""A bucket on a storage server of any make, as the tests see it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

# Makes an empty bucket of a name on a server.
NewBucket = Callable[[str], "Cloud"]


@dataclass(frozen=True)
class Cloud:
    """A bucket on the server.

    Attributes:
        url: such as `gs://tests-1`.
        endpoint: what `--endpoint` is to be, if it is to say where the server is.
        environment: the variables that lead the program to the server.
        config: what leads obstore there.
        settings: the settings that it takes beside the environment.
    """

    url: str
    endpoint: str
    environment: Mapping[str, str]
    config: Mapping[str, str]
    settings: Mapping[str, str] = field(default_factory=dict)

    def put(self, key: str, data: bytes, **attributes: str) -> None:
        self._store.put(key, data, attributes=attributes or None, use_multipart=False)

    def get(self, key: str) -> bytes:
        return bytes(self._store.get(key).bytes())

    def attributes(self, key: str) -> dict[str, str]:
        """The content type of an object and its other metadata."""
        return dict(self._store.get(key, options={"head": True}).attributes)

    def delete(self, key: str) -> None:
        self._store.delete(key)

    def keys(self, prefix: str = "") -> list[str]:
        """The keys below a prefix, but for what the program remembers there."""
        return [key for key in self.etags(prefix) if "/.thumbnailer" not in f"/{key}"]

    def records(self, prefix: str) -> list[str]:
        """What the program remembers of attempts."""
        return [key for key in self.etags(prefix) if "/.thumbnailer-attempts/" in f"/{key}"]

    def etags(self, prefix: str = "") -> dict[str, str]:
        """All that is below a prefix: two of these are the same if nothing was written between."""
        return {entry["path"]: entry["e_tag"] for entry in self._listed(prefix)}

    def _listed(self, prefix: str) -> Iterator[dict[str, Any]]:
        pages: Iterable[Any] = self._store.list(prefix or None)
        for page in pages:
            yield from page

    @property
    def _store(self) -> Any:
        from obstore.store import from_url

        options: dict[str, Any] = {"config": self.config, "client_options": {"allow_http": True}}
        return from_url(self.url, **options)
