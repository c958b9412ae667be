"""Choose what renders a run's pictures: worker processes here, or a Ray cluster."""

from __future__ import annotations

from thumbnailer.config.settings import Settings
from thumbnailer.engine.pool_from_settings import new_pool
from thumbnailer.model import Engine


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
