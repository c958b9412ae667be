"""Size, crop, resample and turn pictures."""
