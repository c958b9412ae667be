"""Output of the commands: text for people, JSON for scripts."""
