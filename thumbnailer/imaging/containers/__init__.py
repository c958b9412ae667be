"""Read data structures inside picture files, such as EXIF."""
