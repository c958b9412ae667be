"""Use the preview that a camera embedded, after comparing it with its picture."""
