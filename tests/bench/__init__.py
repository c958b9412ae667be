"""What it costs, against peers in the same run: `python -m tests.bench`."""
