"""What the command line says of itself: help pages, the manual page, completion scripts."""
