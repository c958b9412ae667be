"""Coverage-guided fuzzing of what a worker does to a picture: `python -m tests.fuzz`."""
