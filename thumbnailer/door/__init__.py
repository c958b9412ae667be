"""The door to pictures and thumbnails: only it tells whether they are on disk or in a bucket."""
