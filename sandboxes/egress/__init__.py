"""Network access of sessions, where the operator allows any: every request is decided here.

A sandbox has no network. Its programs connect to a relay (`supervisor/relay`), which carries each
connection to the server over the one stream. The server checks it against the operator's rules.
"""
