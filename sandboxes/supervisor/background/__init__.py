"""Background runs: jobs of PID 1 with outputs of their own that outlive their call.

A run is a bash that starts in the shell's state, or a fork of the session's worker. Its process is
a subreaper: whatever it starts stays below it, and so is told from what a call left behind.
"""
