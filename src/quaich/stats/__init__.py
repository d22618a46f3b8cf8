"""The scoreboard: what workers report about themselves in shared memory."""
