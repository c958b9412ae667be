"""Which thumbnails pictures get: how each size looks, where it goes and what it is called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from thumbnailer.recipe import Limits, Recipe


@dataclass(frozen=True, slots=True)
class Layout:
    """The thumbnails that a picture should have; `Settings.thumbnails` makes it.

    Attributes:
        recipes: what the thumbnails should look like, by the name of their size folder, which is ""
            if there is only one.
        limits: what one picture may cost at most.
        output: the root folder or URL of the output tree; "" for a `thumbs` folder beside each
            source.
        template: template of the thumbnails' names; "" to name them like their source.
        desktop: whether `output` is the freedesktop cache, which has its own size folders.
        endpoint, verify_etag: as in `Settings`, for a bucket.
        headers: what is stored with each thumbnail in a bucket, by name.
        replace: whether thumbnails replace files that are not thumbnailer's.
    """

    recipes: Mapping[str, Recipe]
    limits: Limits
    output: str = ""
    template: str = ""
    desktop: bool = False
    endpoint: str = ""
    verify_etag: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)
    replace: bool = False
