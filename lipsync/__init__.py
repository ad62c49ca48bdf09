"""HeyGem Studio's lip-sync engine: a library and a command line, free of Django.

A take of a person speaking and a new voice go in; the same take with a mouth that follows the new voice comes out.
"""

__version__ = "0.1.0"
