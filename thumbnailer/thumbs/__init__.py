"""Thumbnails on disk: plan them, name them, write them, record them, remove them."""
