"""Image processing: the only package that imports Pillow."""
