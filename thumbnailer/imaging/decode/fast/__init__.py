"""Decode large pictures faster than Pillow does; whatever is unusual or broken is left to it."""
