"""Relay of network connections out of a sandbox, over the stream to the server."""
