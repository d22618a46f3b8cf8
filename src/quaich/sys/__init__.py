"""Thin calls into the kernel that the standard library lacks or makes slow."""
