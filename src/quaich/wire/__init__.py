"""Protocols without I/O: octets in, CGI variables and framing facts out, and the way back."""
