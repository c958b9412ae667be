"""Thumbnails in buckets, or of pictures there, that are to go: found, and removed."""
