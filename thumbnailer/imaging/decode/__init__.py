"""Open pictures and decode their pixels, only as many as the thumbnails need."""
