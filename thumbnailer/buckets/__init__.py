"""Object storage: sources and thumbnails in S3, Google Cloud Storage and Azure."""
