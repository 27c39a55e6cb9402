"""What runs inside a sandbox to save and to revive a session. The server never opens what it keeps.

All of it shares a process with the session's code, or has its rights: it is as good as that code.
"""
