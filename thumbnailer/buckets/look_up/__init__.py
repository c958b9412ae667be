"""Look up thumbnails in the listing of their tree."""
