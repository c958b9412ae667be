"""Worker processes that may crash, hang or be killed, and the pool that runs jobs on them."""
