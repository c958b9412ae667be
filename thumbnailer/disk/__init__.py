"""Safe opens, locks and atomic writes: the only package that changes anything on disk."""
