"""Watch mode: keep the thumbnails of folders current until stopped."""
