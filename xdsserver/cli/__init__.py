"""The command line: one module per command. A command parses, calls and prints; what it calls is elsewhere.

Exit codes: 0 good, 1 problems found or the run failed, 2 usage, 3 no answer (nobody to ask, or nothing of that name).
"""

from xdsserver.cli.main import main

__all__ = ["main"]
