"""LangGraph, a new MCP session for each call (the adapters' default), on a server of its own.

pip install langgraph langchain langchain-mcp-adapters langchain-openai
bellglass --http 127.0.0.1:8000
"""

import asyncio
import os

from langchain_mcp_adapters.client import MultiServerMCPClient
from langchain_openai import ChatOpenAI
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition

servers = MultiServerMCPClient(
    {
        "bellglass": {
            "transport": "streamable_http",
            "url": os.environ.get("BELLGLASS", "http://127.0.0.1:8000/mcp"),
        }
    }
)


async def main() -> None:
    # Each call of a tool connects anew. The model passes on the session_id that the result of the
    # first named, and so its variables are there in the second.
    tools = await servers.get_tools()
    model = ChatOpenAI(model=os.environ.get("MODEL", "gpt-5-mini")).bind_tools(tools)

    async def think(state: MessagesState) -> MessagesState:
        return {"messages": [await model.ainvoke(state["messages"])]}

    graph = StateGraph(MessagesState)
    graph.add_node("think", think)
    graph.add_node("tools", ToolNode(tools))
    graph.add_edge(START, "think")
    graph.add_conditional_edges("think", tools_condition)
    graph.add_edge("tools", "think")
    state = await graph.compile().ainvoke({"messages": [("user", os.environ["TASK"])]})
    print(state["messages"][-1].text)


asyncio.run(main())
