"""The protocol between the server, the supervisor and the worker. Standard library only."""
