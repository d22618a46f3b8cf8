"""Requests with their expected outcome, and the reader of the files that hold them."""
