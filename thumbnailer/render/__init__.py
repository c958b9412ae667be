"""A worker's jobs: render the thumbnails of a source, or inspect one."""
