"""smolagents, whose adapter is not ready for mcp 2.

pip install "smolagents[openai,mcp]" "mcp[ws]<2"
"""

import os

from mcp import StdioServerParameters
from smolagents import MCPClient, OpenAIModel, ToolCallingAgent

# Of a result, its adapter passes on the first block alone: all text has to be there.
environment = {**os.environ, "BELLGLASS_ONE_BLOCK": "true"}
server = StdioServerParameters(command="bellglass", args=[], env=environment)
with MCPClient(server, structured_output=False) as tools:
    for tool in tools:
        for name, schema in tool.inputs.items():
            # To smolagents all are required that are not marked so.
            schema["nullable"] = name not in ("code", "command")
    model = OpenAIModel(os.environ.get("MODEL", "gpt-5-mini"))
    # A ToolCallingAgent and not a CodeAgent, which runs the model's code in your own process.
    agent = ToolCallingAgent(tools=tools, model=model)
    print(agent.run(os.environ["TASK"]))
