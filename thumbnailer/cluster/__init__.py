"""Run jobs on a Ray cluster instead of a local pool."""
