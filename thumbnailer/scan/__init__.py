"""Turn folders into sources."""
