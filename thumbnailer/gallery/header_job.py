"""The gallery's job for workers: read a picture's header and the colour of its thumbnail."""

from __future__ import annotations

from thumbnailer.disk import files
from thumbnailer.imaging.decode.load import load_pixels
from thumbnailer.imaging.decode.open import open_picture
from thumbnailer.imaging.failures import StageError, stage
from thumbnailer.imaging.header_facts import date_taken, mean_colour, upright_size
from thumbnailer.imaging.memory import Claim
from thumbnailer.model import Failure, HeaderFacts, Job, Thumbnail


def read_header(job: Job, claim: Claim) -> HeaderFacts | Failure:
    """Read a picture's size and date taken, and the mean colour of its thumbnail.

    Args:
        job: with existing thumbnails, of which the first is decoded.
        claim: called with a number of bytes before they are needed; may wait.

    Returns:
        The facts; what can't be known is 0 or "". A failure only if a retry may tell more.
    """
    size, date, colour = (0, 0), "", ""
    try:
        with stage("open"), files.open_source(job.source.path, job.source.root) as file:
            picture = open_picture(file, job.limits)
            size = upright_size(picture)
            date = date_taken(picture, file)
    except StageError as error:
        if not error.failure.lasts:
            return error.failure
    thumbnail = job.thumbnails[0]
    assert isinstance(thumbnail, Thumbnail)
    try:
        with stage("open"), files.open_source(thumbnail.path) as file:
            picture = open_picture(file, job.limits)
            picture.draft(None, (1, 1))
            colour = mean_colour(load_pixels(picture, file, job.limits, claim)[0])
    except StageError as error:
        if not error.failure.lasts:
            return error.failure
    return HeaderFacts(*size, date, colour)
