"""The operations of the program: make, status, verify, prune, explain and estimate."""
