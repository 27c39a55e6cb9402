"""The MCP server: the command, its settings, the two transports."""
