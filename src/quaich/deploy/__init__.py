"""From a directory to a running site: plans of steps with their undo, and what performs them."""
