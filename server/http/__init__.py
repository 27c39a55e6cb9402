"""The HTTP transport: MCP at /mcp, files of sessions at /files/, and access control."""
