"""The gallery's job for workers: read a picture's header and the pixels of its thumbnail."""

from __future__ import annotations

from io import BytesIO
from typing import BinaryIO

from thumbnailer.disk import files
from thumbnailer.imaging.colour.depth import to_resizable
from thumbnailer.imaging.colour.source_colours import source_colours
from thumbnailer.imaging.decode.load import load_pixels
from thumbnailer.imaging.decode.open import open_picture
from thumbnailer.imaging.encode.placeholder import placeholder_of
from thumbnailer.imaging.failures import StageError, stage
from thumbnailer.imaging.header_facts import date_taken, upright_size
from thumbnailer.imaging.memory import Claim
from thumbnailer.model import Failure, HeaderFacts, Job, Thumbnail

# Of how many px a placeholder is made: five for each that it is made of.
_ENOUGH_PX = (60, 60)


def read_header(job: Job, claim: Claim) -> HeaderFacts | Failure:
    """Read a picture's size and date taken, the sizes of its thumbnails, and its placeholder.

    Args:
        job: with existing thumbnails, of which the smallest is decoded. Those in a bucket have
            either their content or their size; a picture in one has the start of its content.
        claim: called with a number of bytes before they are needed; may wait.

    Returns:
        The facts; what can't be known is 0 or "". A failure only if a retry may tell more.
    """
    size, date = (0, 0), ""
    try:
        with stage("open"), _opened_source(job) as file:
            picture = open_picture(file, job.limits)
            size = upright_size(picture)
            date = date_taken(picture, file)
    except StageError as error:
        if not error.failure.lasts:
            return error.failure
    thumbnails = [one for one in job.thumbnails if isinstance(one, Thumbnail)]
    smallest = min(thumbnails, key=lambda one: one.size_bytes)
    sizes, placeholder = [], ""
    for one in thumbnails:
        shown = one.width, one.height
        try:
            if one is smallest or one.data:
                with stage("open"), _opened_thumbnail(one) as file:
                    picture = open_picture(file, job.limits)
                    shown = picture.size
                    if one is smallest:
                        colours = source_colours(picture, file)
                        picture.draft(None, _ENOUGH_PX)
                        pixels, _ = load_pixels(picture, file, job.limits, claim)
                        placeholder = placeholder_of(to_resizable(pixels), colours)
        except StageError as error:
            if not error.failure.lasts:
                return error.failure
        sizes.append(shown)
    return HeaderFacts(*size, date, placeholder, tuple(sizes))


def _opened_source(job: Job) -> BinaryIO:
    if job.data is not None:
        return BytesIO(job.data)
    return files.open_source(job.source.path, job.source.root)


def _opened_thumbnail(thumbnail: Thumbnail) -> BinaryIO:
    return BytesIO(thumbnail.data) if thumbnail.data else files.open_source(thumbnail.path)
