"""Programs for whoever works on the project: `python -m tests.tools.soak` and others."""
