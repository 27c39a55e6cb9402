"""The floor: the SDK's own server with a tool that does nothing."""

from mcp.server import MCPServer

server = MCPServer("bare")


@server.tool(structured_output=False)
async def noop(code: str) -> str:
    """Return at once."""
    return "2"


if __name__ == "__main__":
    server.run("stdio")
