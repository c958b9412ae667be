"""Worker processes that may die, hang or be killed, and the pool over them."""
