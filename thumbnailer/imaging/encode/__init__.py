"""Encode thumbnails as JPEG, PNG, WebP, AVIF or GIF."""
