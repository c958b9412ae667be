"""Orphans: thumbnails whose sources are gone, or have another one by now."""
