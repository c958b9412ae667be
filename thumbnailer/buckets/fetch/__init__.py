"""Content that workers need from buckets, which they can't reach: many objects side by side."""
