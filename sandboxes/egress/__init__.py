"""What a session may reach, when the operator allows anything: asked and answered out here.

A place has no network. Its programs speak to a relay (`supervisor/relay`), which carries each
connection to the server over the one stream; here it is decided what becomes of it.
"""
