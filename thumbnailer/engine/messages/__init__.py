"""What a pool and its workers send each other, and the pipes that it goes through."""
