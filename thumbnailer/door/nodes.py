"""What other machines need to reach the buckets of a run."""

from __future__ import annotations

from thumbnailer.config.settings import Settings
from thumbnailer.door.places import is_remote
from thumbnailer.urls import is_url, split_url


def check_bucket(path: str, settings: Settings) -> None:
    """Check that the bucket of a path can be listed; a path on disk is not checked.

    Raises:
        ConfigError: the extra for buckets is not installed.
        OSError: it can't be listed; `filename` is the URL of the bucket.
    """
    if not is_url(path):
        return
    from thumbnailer.buckets.client.bucket import Bucket

    where, key = split_url(path)
    try:
        next(Bucket(where, settings.endpoint).listing(key), None)
    except OSError as error:
        raise OSError(error.errno, error.strerror, where) from None


def environment_for_nodes(settings: Settings, *paths: str) -> dict[str, str]:
    """Return the variables that lead other machines to the buckets of some paths, as this process.

    There is no key among them: those the other machines must have.

    Raises:
        ConfigError: this process can't reach them as it is set up.
    """
    if not is_remote(*paths):
        return {}
    from thumbnailer.buckets.client.services import aws
    from thumbnailer.buckets.client.services.environment import shared_variables

    shared = shared_variables()
    if any(path.startswith("s3://") for path in paths):
        access = aws.access(settings.endpoint)
        shared["AWS_REGION"] = access.region
        if access.endpoint:
            shared["AWS_ENDPOINT_URL_S3"] = access.endpoint
    return shared
