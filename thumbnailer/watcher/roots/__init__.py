"""What a watch looks after: its roots, and its output tree."""
