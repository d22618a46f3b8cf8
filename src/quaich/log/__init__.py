"""Server facts and request lines."""
