"""The server over HTTP: MCP at /mcp, files of sessions at /files/, and who may call."""
