"""Image processing: the only package that knows Pillow."""
