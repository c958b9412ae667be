"""Count sources ahead of the run, for the progress bar: a run scans only as fast as it works."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace

from thumbnailer.config.settings import Settings
from thumbnailer.door import is_remote, open_sources
from thumbnailer.errors import ThumbnailError
from thumbnailer.formats import missing_extras, name_filter
from thumbnailer.model import Outcome, Stop


def count_sources(
    sources: Iterable[str], settings: Settings, stop: Stop
) -> tuple[int, Counter[str]]:
    """Return how many pictures a run would find, and how many it leaves out by missing extra.

    The latter are recognised by file name. If a source is in a bucket, nothing is counted.
    """
    choice, found, left_out = settings.choice, 0, Counter[str]()
    missing = {extra: name_filter((extra,)) for extra in missing_extras()}
    wider = replace(choice, also=(*choice.also, *missing))
    if is_remote(*sources):  # counting would take a request for each 1000 keys
        return 0, left_out
    with suppress(ThumbnailError):  # a source that has gone is reported by the run
        opened = open_sources(sources, settings, with_buckets=True, stop=stop)
        for source in opened.scanned:
            is_named = source in opened.files  # it is taken whatever its name is
            for item in opened.scan_one(source, settings, wider, stop):
                name = "" if isinstance(item, Outcome) else os.path.basename(item.path)
                if is_named or not name or choice.is_picture(name):
                    found += 1
                else:
                    left_out.update(extra for extra, takes in missing.items() if takes(name))
    return found, left_out
