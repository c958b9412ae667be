"""The manifest: a list of the thumbnails for what builds websites."""
