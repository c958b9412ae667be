"""What becomes of thumbnails whose sources are gone."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from thumbnailer.model import Failure


@dataclass(frozen=True, slots=True)
class Removal:
    """What became of one thumbnail whose source is gone, or may be.

    Attributes:
        thumbnail: its path; of a folder that can't be read, the folder's.
        source: what it was made of; "" for a folder.
        status: `kept` if nobody can say whether the source is there.
        error: why it is kept or could not be removed.
    """

    thumbnail: str
    source: str
    status: Literal["removed", "would remove", "kept", "failed"]
    error: Failure | None = None


def unreadable_folder(path: str, error: OSError) -> Removal:
    """What is said of a folder of thumbnails that can't be read."""
    return Removal(path, "", "failed", Failure("scan", f"can't be read: {error.strerror or error}"))


@dataclass(frozen=True, slots=True)
class PruneReport:
    """The sum of a pruning.

    Attributes:
        thumbnails: those of pictures in the SOURCEs, whether these are there or not.
        orphaned: those whose source is gone.
        removals: one for each that was removed, would be, or could not be, and for each that was
            kept since nobody can say whether its source is there.
        seconds: wall time.
    """

    thumbnails: int
    orphaned: int
    removals: tuple[Removal, ...] = field(repr=False)
    seconds: float

    @property
    def removed(self) -> int:
        return sum(removal.status == "removed" for removal in self.removals)

    @property
    def failed(self) -> int:
        return sum(removal.status == "failed" for removal in self.removals)
