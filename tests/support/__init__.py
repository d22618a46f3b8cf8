"""Helpers of the test-suite: real servers, raw clients and nginx, each with a deadline."""
