"""What a person or a script sees: one file for each reading. Everything else only calls back."""
