"""LangChain: pip install langchain langchain-mcp-adapters langchain-openai"""

import asyncio
import os

from langchain.agents import create_agent
from langchain_mcp_adapters.client import MultiServerMCPClient
from langchain_mcp_adapters.tools import load_mcp_tools
from langchain_openai import ChatOpenAI

servers = MultiServerMCPClient(
    {"bellglass": {"transport": "stdio", "command": "bellglass", "args": []}}
)


async def main() -> None:
    # `servers.get_tools()` would start a server for each call: see langgraph_over_http.py.
    async with servers.session("bellglass") as session:
        tools = await load_mcp_tools(session)
        agent = create_agent(ChatOpenAI(model=os.environ.get("MODEL", "gpt-5-mini")), tools)
        state = await agent.ainvoke({"messages": [("user", os.environ["TASK"])]})
    print(state["messages"][-1].text)


asyncio.run(main())
