"""Runs that outlive their call: jobs of PID 1 with outputs of their own.

A run is bash, begun in the shell's state, or a fork of the session's Python. Its process is a
subreaper, so that whatever it starts stays below it, and can be told from what a call left behind.
"""
