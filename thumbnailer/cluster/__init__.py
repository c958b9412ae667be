"""The same pipeline on a Ray cluster."""
