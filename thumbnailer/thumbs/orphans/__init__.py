"""Thumbnails that are to go: orphans, stale ones, or all that is ours; found, and removed."""
