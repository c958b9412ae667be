"""The door to pictures and thumbnails, on disk or in a bucket: only this package tells which.

A folder and a bucket each have a class for their pictures and one for their thumbnails, which
follow two protocols. What uses them does not know where it works.
"""
