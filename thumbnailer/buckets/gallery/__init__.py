"""What the gallery asks of buckets: its page as an object, and facts about what it shows."""
