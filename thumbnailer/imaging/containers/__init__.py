"""Read the structures inside picture files, such as EXIF."""
