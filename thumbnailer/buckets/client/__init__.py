"""Client of object storage (S3, Google Cloud Storage, Azure): only this package knows obstore."""
