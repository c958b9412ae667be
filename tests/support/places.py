"""Pictures and their thumbnails, each on disk or in a bucket, with the same words for both."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from support.pictures import files_below, tree
from support.s3_server import Storage

# Where pictures are, and where their thumbnails.
WITH_BUCKETS = ("bucket-bucket", "disk-bucket", "bucket-disk")


@dataclass(frozen=True)
class Place:
    """A folder, or a prefix in a bucket."""

    path: str
    storage: Storage | None = None
    prefix: str = ""

    def put(self, name: str, data: bytes) -> None:
        if self.storage:
            self.storage.put(f"{self.prefix}/{name}", data)
        else:
            file = Path(self.path, name)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)

    def get(self, name: str) -> bytes:
        if self.storage:
            return self.storage.get(f"{self.prefix}/{name}")
        return Path(self.path, name).read_bytes()

    def remove(self, *names: str) -> None:
        """Remove files or objects, and folders that are empty then."""
        for name in names:
            if self.storage:
                self.storage.delete(f"{self.prefix}/{name}")
            else:
                file = Path(self.path, name)
                file.unlink()
                for folder in file.relative_to(self.path).parents[:-1]:
                    with suppress(OSError):  # it is not empty
                        Path(self.path, folder).rmdir()

    def names(self) -> list[str]:
        """What is there, but for what the program remembers."""
        if self.storage:
            keys = self.storage.keys(f"{self.prefix}/")
            return sorted(key.removeprefix(f"{self.prefix}/") for key in keys)
        return sorted(name for name in files_below(Path(self.path)) if ".thumbnailer" not in name)

    def all_names(self) -> list[str]:
        """What is there, with what the program remembers."""
        if self.storage:
            return [
                key.removeprefix(f"{self.prefix}/") for key in self.storage.all_keys(self.prefix)
            ]
        return sorted(files_below(Path(self.path)))


@dataclass(frozen=True)
class Places:
    """Where pictures are, and where their thumbnails."""

    photos: Place
    thumbs: Place
    samples: Path

    @property
    def arguments(self) -> tuple[str, str, str]:
        return self.photos.path, "--output", self.thumbs.path

    def put(self, *names: str) -> None:
        """Put a picture under each of some names."""
        tree(self.samples, *names)
        for name in names:
            self.photos.put(name, (self.samples / name).read_bytes())


def place_of(kind: str, name: str, storage: Storage, tmp_path: Path) -> Place:
    """A new place in a `bucket` or on a `disk`."""
    if kind == "bucket":
        return Place(f"{storage.url}/{name}", storage, name)
    folder = tmp_path / name
    folder.mkdir()
    return Place(str(folder))


def places_of(kind: str, storage: Storage, tmp_path: Path) -> Places:
    """New places of one of the kinds in `WITH_BUCKETS`."""
    photos, thumbs = kind.split("-")
    return Places(
        place_of(photos, "photos", storage, tmp_path),
        place_of(thumbs, "small", storage, tmp_path),
        tmp_path / "samples",
    )
