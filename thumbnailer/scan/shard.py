"""One of several equal parts of the pictures, so that several machines can share a run."""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import blake2b

# More machines than anybody has. With more parts, a listing would cost more than what it is for.
MOST_SHARDS = 10_000

_TEXT = re.compile(r"(\d{1,5})/(\d{1,5})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Shard:
    """One of several parts of the pictures, by a digest of their paths.

    Attributes:
        number: which one it is, from 1.
        count: how many there are.
    """

    number: int
    count: int

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Return the shard of a text such as `3/16`.

        Raises:
            ValueError: there is no such shard.
        """
        match = _TEXT.fullmatch(text)
        number, count = map(int, match.groups()) if match else (0, 0)
        if not 1 <= number <= count <= MOST_SHARDS:
            raise ValueError
        return cls(number, count)

    def has(self, path: bytes) -> bool:
        """Return whether a picture belongs to it.

        Args:
            path: relative to its SOURCE, with slashes; as the file system has it, or the key in
                UTF-8. The name of a picture that is a SOURCE itself.
        """
        digest = blake2b(path, digest_size=8).digest()
        return int.from_bytes(digest, "big") % self.count == self.number - 1

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"
