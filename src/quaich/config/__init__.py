"""The option table, the sources that fill it, and the frozen Config that is passed around."""
