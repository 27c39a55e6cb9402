"""OpenAI Agents SDK as it comes: it gives up a call after 5 s, so calls end themselves before.

pip install openai-agents
"""

import asyncio
import os

from agents import Agent, OpenAIChatCompletionsModel, Runner, set_tracing_disabled
from agents.mcp import MCPServerStdio
from openai import AsyncOpenAI

set_tracing_disabled(True)


async def main() -> None:
    environment = {**os.environ, "BELLGLASS_TIMEOUT_SECONDS": "4"}  # of a call that names none
    async with MCPServerStdio(
        params={"command": "bellglass", "args": [], "env": environment}
    ) as bellglass:
        model = OpenAIChatCompletionsModel(os.environ.get("MODEL", "gpt-5-mini"), AsyncOpenAI())
        agent = Agent(name="analyst", model=model, mcp_servers=[bellglass])
        answer = await Runner.run(agent, os.environ["TASK"])
    print(answer.final_output)


asyncio.run(main())
