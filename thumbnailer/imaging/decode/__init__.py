"""Open pictures and decode their pixels, no more of them than needed."""
