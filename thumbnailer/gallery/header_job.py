"""A worker's whole job for a gallery: a look into the header of a picture, and at its thumbnail."""

from __future__ import annotations

from thumbnailer.imaging.decode.load import load_pixels
from thumbnailer.imaging.decode.open import open_picture
from thumbnailer.imaging.failures import StageError, stage
from thumbnailer.imaging.header_facts import date_taken, mean_colour, upright_size
from thumbnailer.imaging.memory import Claim
from thumbnailer.model import Failure, HeaderFacts, Job, Thumbnail
from thumbnailer.thumbs import files


def read_header(job: Job, claim: Claim) -> HeaderFacts | Failure:
    """What there is to know of a picture that has a thumbnail; what can't be known is left out.

    Args:
        job: with thumbnails that are there, of which the first is looked at.
        claim: called with a number of bytes before they are needed; may wait.

    Returns:
        A failure only if another look may tell more.
    """
    size, date, colour = (0, 0), "", ""
    try:
        with stage("open"), files.open_source(job.source.path) as file:
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
