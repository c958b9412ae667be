"""The gallery: an HTML page of the thumbnails that works without a server."""
