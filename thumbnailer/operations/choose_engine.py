"""Choose what renders a run's pictures: worker processes here, or a Ray cluster."""

from __future__ import annotations

from thumbnailer.config.settings import Settings
from thumbnailer.engine.pool_from_settings import new_pool
from thumbnailer.model import Engine


def new_engine(settings: Settings, *, remote: bool = False) -> Engine:
    """What makes thumbnails: the cluster that the settings name, else a pool in this machine.

    Args:
        remote: as for `new_pool`.

    Raises:
        ConfigError: the extra for clusters is not installed.
    """
    if not settings.cluster:
        return new_pool(settings, remote=remote)
    from thumbnailer.cluster.ray_cluster import (
        RayCluster,  # with what it takes to ask for versions: 40 ms
    )

    most = settings.jobs if isinstance(settings.jobs, int) else None
    return RayCluster(settings.cluster, settings, most, "thumbnailer.cluster.node")
