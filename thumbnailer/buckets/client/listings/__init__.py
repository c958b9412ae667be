"""Listings with keys as they are, page by page."""
