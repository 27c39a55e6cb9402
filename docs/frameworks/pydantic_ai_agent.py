"""pydantic-ai: pip install "pydantic-ai-slim[openai,mcp]" """

import asyncio
import os

from fastmcp.client.transports import StdioTransport
from pydantic_ai import Agent
from pydantic_ai.mcp import MCPToolset

bellglass = MCPToolset(
    StdioTransport(command="bellglass", args=[]),
    init_timeout=30,  # its default is 5 s
    read_timeout=310,  # the longest call of ours is 300 s
    max_retries=3,  # of a call with refused arguments; code that failed is no error
)
agent = Agent(os.environ.get("MODEL", "openai-chat:gpt-5-mini"), toolsets=[bellglass])


async def main() -> None:
    async with agent:  # one server, so one session for the whole conversation
        answer = await agent.run(os.environ["TASK"])
    print(answer.output)


asyncio.run(main())
