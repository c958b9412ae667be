"""A page that shows the thumbnails there are: one file, which needs no server and no network."""
