"""Compute sizes; crop, resample, sharpen and orient pictures."""
