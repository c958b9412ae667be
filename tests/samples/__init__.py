"""The sample pictures: small scenes in the file formats that give thumbnail programs trouble."""

from .formats import write_samples

__all__ = ["write_samples"]
