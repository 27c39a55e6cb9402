"""OpenAI Agents SDK: pip install openai-agents"""

import asyncio
import os

from agents import Agent, OpenAIChatCompletionsModel, Runner, set_tracing_disabled
from agents.mcp import MCPServerStdio
from openai import AsyncOpenAI

set_tracing_disabled(True)  # of runs, to OpenAI


async def main() -> None:
    async with MCPServerStdio(
        params={"command": "bellglass", "args": []},
        cache_tools_list=True,  # the list never changes
        client_session_timeout_seconds=310,  # its default is 5 s for a call
    ) as bellglass:
        model = OpenAIChatCompletionsModel(os.environ.get("MODEL", "gpt-5-mini"), AsyncOpenAI())
        agent = Agent(name="analyst", model=model, mcp_servers=[bellglass])
        answer = await Runner.run(agent, os.environ["TASK"])
    print(answer.final_output)


asyncio.run(main())
