"""A set of very many values, for what a run has to know of each picture until its end."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Hashable, Iterable


class HashSet:
    """Set of values, of which no more is kept than a hash in 8 bytes.

    It is for many additions before many looks: the first look after an addition sorts it. Of a
    million values one that is not among them seems to be so once in 10^13.

    Args:
        hashes: of the first values.
    """

    def __init__(self, hashes: Iterable[int] = ()) -> None:
        self._hashes, self._is_sorted = array("q", hashes), False

    def add(self, value: Hashable) -> None:
        """Add a value."""
        self._hashes.append(hash(value))
        self._is_sorted = False

    def add_hashes(self, hashes: Iterable[int]) -> None:
        """Add values by their hashes."""
        self._hashes.extend(hashes)
        self._is_sorted = False

    def __contains__(self, value: Hashable) -> bool:
        return self._holds(hash(value))

    def intersection(self, other: HashSet) -> HashSet:
        """Return those that are in another set, too."""
        return HashSet(one for one in self._hashes if other._holds(one))

    def issubset(self, other: HashSet) -> bool:
        """Return whether all are in another set, too."""
        return all(map(other._holds, self._hashes))

    def _holds(self, number: int) -> bool:
        if not self._is_sorted:
            self._hashes, self._is_sorted = array("q", sorted(self._hashes)), True
        at = bisect_left(self._hashes, number)
        return at < len(self._hashes) and self._hashes[at] == number
