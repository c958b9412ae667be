"""TIFF: which decoder reads each kind of page right, and how it is opened with that."""
