"""CrewAI: pip install crewai "crewai-tools[mcp]" """

import os

from crewai import LLM, Agent, Crew, Task
from crewai_tools import MCPServerAdapter
from mcp import StdioServerParameters

# CrewAI gives a call up after 30 s and runs it again, up to three times: a call that names no time
# limit ends before.
environment = {**os.environ, "BELLGLASS_TIMEOUT_SECONDS": "25"}
server = StdioServerParameters(command="bellglass", args=[], env=environment)

# An adapter keeps its connection, and so the session. `mcps=` of an agent makes one for each call.
with MCPServerAdapter(server) as tools:
    analyst = Agent(
        role="Analyst",
        goal="Answer with numbers that were computed",
        backstory="You run code instead of guessing.",
        llm=LLM(model=os.environ.get("MODEL", "openai/gpt-5-mini")),
        tools=list(tools),
    )
    task = Task(description=os.environ["TASK"], expected_output="Two numbers", agent=analyst)
    print(Crew(agents=[analyst], tasks=[task]).kickoff())
