"""Addresses, and listening sockets from them or from a parent."""
