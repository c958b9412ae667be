"""A watch where pictures or thumbnails are in buckets: by listings, and by queues of events."""
