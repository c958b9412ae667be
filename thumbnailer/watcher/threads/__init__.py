"""Threads for whatever may wait for a disk, and who works at what."""
