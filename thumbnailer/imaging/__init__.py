"""The steps of a thumbnail, one a file: opening, shrinking, orientation, colour, fit, encoding."""
