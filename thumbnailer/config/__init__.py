"""Settings: their defaults, their checks, and the file that holds them."""
