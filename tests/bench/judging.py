"""Whether everybody has made all thumbnails, and how good they are: nobody wins by blurring."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from statistics import mean
from typing import NamedTuple

from PIL import Image, ImageOps
from support.similarity import reference, ssim

from .tasks import ENDINGS, Task

# So many pictures of a set are looked at.
_LOOKED_AT = 4


class Quality(NamedTuple):
    """SSIM against a full decode and one Lanczos step: over all sizes of some pictures."""

    mean: float
    lowest: float


class NotMadeError(Exception):
    """A contestant has not done what was asked."""


def judged(task: Task, pattern: str) -> Quality:
    """
    Args:
        pattern: of the path of a thumbnail in the output, by the `stem` of its source and the
            `ending` of its format.

    Raises:
        NotMadeError: thumbnails are missing or have another size.
    """
    sizes, ending = task.sizes, ENDINGS[task.format]
    paths = sorted(task.folder.iterdir())
    made = sum(1 for _ in task.output.glob(pattern.format(stem="*", ending=ending)))
    if made < len(paths) * len(sizes):
        raise NotMadeError(f"{made} thumbnails of {len(paths)} pictures in {len(sizes)} sizes")
    scores = []
    for path in paths[:: max(1, len(paths) // _LOOKED_AT)][:_LOOKED_AT]:
        named = pattern.format(stem=path.stem, ending=ending)
        thumbnails = list(map(_opened, task.output.glob(named)))
        longest = sorted(max(image.size) for image in thumbnails)
        expected = sorted(min(size, max(_whole(path).size)) for size in sizes)
        if longest != expected:
            raise NotMadeError(f"{path.name} has sides of {longest} instead of {expected} px")
        scores += [_score(path, image) for image in thumbnails]
    return Quality(mean(scores), min(scores))


def _opened(path: Path) -> Image.Image:
    with Image.open(path) as image:
        return _on_white(image)


def _on_white(image: Image.Image) -> Image.Image:
    if not image.has_transparency_data:
        return image.convert("RGB")
    picture = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), picture).convert("RGB")


def _score(path: Path, thumbnail: Image.Image) -> float:
    """Whoever does not turn pictures by their EXIF data is not judged by that."""
    turned = [is_turned for is_turned in (True, False) if _fits(path, thumbnail, is_turned)]
    return max(ssim(thumbnail, _reference(path, thumbnail.size, at)) for at in turned or [True])


def _fits(path: Path, thumbnail: Image.Image, is_turned: bool) -> bool:
    width, height = _whole(path, is_turned).size
    return (width > height) == (thumbnail.width > thumbnail.height)


@cache
def _reference(path: Path, size: tuple[int, int], is_turned: bool) -> Image.Image:
    return reference(_whole(path, is_turned), size)


@cache
def _whole(path: Path, is_turned: bool = True) -> Image.Image:
    if path.suffix == ".heic":
        import pillow_heif

        pillow_heif.register_heif_opener()
    with Image.open(path) as image:
        image.load()
        return _on_white(ImageOps.exif_transpose(image) if is_turned else image)
