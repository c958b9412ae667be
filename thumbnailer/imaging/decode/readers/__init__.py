"""What a format needs besides Pillow: one file for each."""
