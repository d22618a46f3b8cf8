"""From argv to a command; imports lazily, so that a small command starts fast."""
