"""Thumbnails of one picture: here, or in workers that stay; from and to files or content."""
