"""The machine that sites live on: what it needs, what is wrong with it, and what makes it ready."""
