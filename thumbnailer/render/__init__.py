"""Jobs of worker processes: render the thumbnails of a source, or inspect a thumbnail."""
