"""Where events come from: the observers of a watch."""
