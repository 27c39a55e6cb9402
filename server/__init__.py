"""Speaks MCP: the command, its settings, the two transports."""
