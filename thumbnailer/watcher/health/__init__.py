"""How a watch is doing: its state, and the file that tells monitoring of it."""
