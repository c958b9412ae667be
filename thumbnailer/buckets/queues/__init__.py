"""Queues of what object stores notify of: Amazon SQS, Azure's storage queues, Google's Pub/Sub."""
