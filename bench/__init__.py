"""Measurements beside other servers, and long runs.  Each script here runs by itself."""
