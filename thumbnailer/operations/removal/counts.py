"""What the reports of removals count."""

from __future__ import annotations

from collections.abc import Sequence

from thumbnailer.thumbs.folders import Removal


class RemovalCounts:
    """The counts of a report, by its `removals`."""

    __slots__ = ()
    removals: Sequence[Removal]

    @property
    def removed(self) -> int:
        """Number of thumbnails and gallery pages that were removed."""
        return self._count("removed")

    @property
    def failed(self) -> int:
        """Number of those that could not be removed, and of folders that can't be read."""
        return self._count("failed")

    def _count(self, status: str) -> int:
        return sum(removal.status == status for removal in self.removals)
