"""What can be asked for: make, status, verify, prune, explain, estimate."""
