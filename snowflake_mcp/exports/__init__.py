"""Whole results as files: written in slices, kept for a while, fetched by signed links."""
