"""The supervisor: a pure plan, and a thin loop that performs it."""
