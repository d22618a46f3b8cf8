"""quaich: an application server for Python web applications, for people who deploy with uWSGI.

The layers, lowest first: errors and sys; wire and config; wsgi, stats, log and net; worker;
master; cli.  Imports point down only, and a test holds them to it.  ARCHITECTURE.md is the map.
"""

__version__ = "0.1.0"
