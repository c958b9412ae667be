"""Choose what renders a run's pictures: worker processes here, or a Ray cluster."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from itertools import chain

from thumbnailer.activity import Waiting
from thumbnailer.config.settings import Settings
from thumbnailer.engine.pool_from_settings import new_pool
from thumbnailer.model import Engine, Job, Outcome, Stop


def new_engine(settings: Settings, *, remote: bool = False) -> Engine:
    """Return the cluster that the settings name, or else a pool of workers on this machine.

    Args:
        remote: pictures come from a bucket or go to one.

    Raises:
        ConfigError: the extra for clusters is not installed.
    """
    if not settings.cluster:
        return new_pool(settings, remote=remote)
    from thumbnailer.cluster.ray_cluster import (
        RayCluster,  # imports importlib.metadata: 40 ms
    )

    max_tasks = settings.jobs if isinstance(settings.jobs, int) else None
    return RayCluster(settings.cluster, settings, max_tasks, "thumbnailer.cluster.node")


class LateEngine:
    """Engine that is chosen by the first item: only that tells whether pictures are in buckets."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._engine: Engine | None = None

    def __enter__(self) -> LateEngine:
        return self

    def __exit__(self, *_: object) -> None:
        """Do nothing: all work has ended with the iterators."""

    def imap_unordered(
        self, items: Iterable[Job | Outcome | None], stop: Stop | None = None
    ) -> Generator[Outcome, None, None]:
        """Yield what the engine yields that is chosen; see `Engine`."""
        items = iter(items)
        first = next((item for item in items if item or (stop and stop.is_set())), None)
        if first:
            with new_pool(self._settings, remote=first.source.is_remote) as self._engine:
                yield from self._engine.imap_unordered(chain([first], items), stop)

    def waits_for(self) -> Waiting | None:
        """Return what the engine waits for that is chosen."""
        return self._engine.waits_for() if self._engine else None
