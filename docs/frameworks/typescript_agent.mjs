// TypeScript SDK: npm install @modelcontextprotocol/client openai
import { Client } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import OpenAI from "openai";

const bellglass = new Client(
  { name: "example", version: "1.0.0" },
  { versionNegotiation: { mode: process.env.ERA ?? "auto" } },
);
await bellglass.connect(new StdioClientTransport({ command: "bellglass", args: [] }));

const { tools } = await bellglass.listTools();
const functions = tools.map(({ name, description, inputSchema }) => ({
  type: "function",
  function: { name, description, parameters: inputSchema },
}));
const model = new OpenAI();
const messages = [{ role: "user", content: process.env.TASK }];
for (;;) {
  const { choices } = await model.chat.completions.create({
    model: process.env.MODEL ?? "gpt-5-mini",
    messages,
    tools: functions,
  });
  const { message } = choices[0];
  messages.push(message);
  if (!message.tool_calls?.length) {
    console.log(message.content);
    break;
  }
  for (const { id, function: call } of message.tool_calls) {
    const result = await bellglass.callTool(
      { name: call.name, arguments: JSON.parse(call.arguments) },
      { timeout: 310_000 }, // its default is 60 s, and progress does not extend it
    );
    const text = result.content.filter((block) => block.type === "text");
    messages.push({
      role: "tool",
      tool_call_id: id,
      content: text.map((block) => block.text).join("\n"),
    });
  }
}
await bellglass.close();
