"""Count sources ahead of the run, for the progress bar: a run scans only as fast as it works."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable

from thumbnailer.config.settings import Settings
from thumbnailer.formats import missing_extras, name_filter
from thumbnailer.model import Outcome, Stop
from thumbnailer.scan.folders import scan
from thumbnailer.urls import is_url


def count_sources(
    sources: Iterable[str], settings: Settings, stop: Stop
) -> tuple[int, Counter[str]]:
    """Return how many pictures a run would find, and how many it leaves out by missing extra.

    The latter are recognised by file name. If a source is in a bucket, the first number is 0.
    """
    choice = settings.choice
    is_taken = name_filter(choice["also"])
    missing = {extra: name_filter((extra,)) for extra in missing_extras()}
    choice["also"] = (*choice["also"], *missing)
    found, left_out = 0, Counter[str]()
    for source in sources:
        if is_url(source):  # counting would take a request for each 1000 keys
            return 0, left_out
        is_named = not os.path.isdir(source)  # a file that was named is taken whatever its name is
        for item in scan(source, **choice, stop=stop):
            name = "" if isinstance(item, Outcome) else os.path.basename(item.path)
            if is_named or not name or is_taken(name):
                found += 1
            else:
                left_out.update(extra for extra, takes in missing.items() if takes(name))
    return found, left_out
