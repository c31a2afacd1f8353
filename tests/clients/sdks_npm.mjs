// Chats, streams and calls a tool with the npm clients of OpenAI, Anthropic and the AI SDK; prints what each got as JSON.
// Arguments: a folder with node_modules, the URL of the server, the model.

import { createRequire } from "node:module";
import { join } from "node:path";
const [folder, url, model] = process.argv.slice(2);
const need = createRequire(join(folder, "package.json"));
const user = [{ role: "user", content: "Hello" }];
const weather = [{ role: "user", content: "What is the weather in Paris?" }];
const schema = { type: "object", properties: { city: { type: "string" } } };
const found = {};
{
  const OpenAI = need("openai").OpenAI;
  const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: "any", maxRetries: 0 });
  const asked = { model, temperature: 0, max_tokens: 80 };
  const whole = await client.chat.completions.create({ ...asked, messages: user });
  const runner = client.chat.completions.stream({ ...asked, messages: user });
  const streamed = await runner.finalChatCompletion();
  const tools = [{ type: "function", function: { name: "get_weather", parameters: schema } }];
  const called = await client.chat.completions.stream({ ...asked, messages: weather, tools }).finalChatCompletion();
  const call = called.choices[0].message.tool_calls[0].function;
  found.openai = [whole.choices[0].message.content, streamed.choices[0].message.content, call.name];
}
{
  const { Anthropic } = need("@anthropic-ai/sdk");
  const client = new Anthropic({ baseURL: url, apiKey: "any", maxRetries: 0 });
  const asked = { model, max_tokens: 80 };
  const whole = await client.messages.create({ ...asked, messages: user });
  const streamed = await client.messages.stream({ ...asked, messages: user }).finalMessage();
  const tools = [{ name: "get_weather", input_schema: schema }];
  const called = await client.messages.stream({ ...asked, messages: weather, tools }).finalMessage();
  const use = called.content.find((block) => block.type === "tool_use");
  found.anthropic = [whole.content[0].text, streamed.content[0].text, use.name];
}
const { generateText, streamText, tool, jsonSchema } = need("ai");
const { createOpenAI } = need("@ai-sdk/openai");
const { createAnthropic } = need("@ai-sdk/anthropic");
const openai = createOpenAI({ baseURL: `${url}/v1`, apiKey: "any" });
const anthropic = createAnthropic({ baseURL: `${url}/v1`, apiKey: "any" });
for (const [name, one] of [
  ["ai chat", openai.chat(model)],
  ["ai responses", openai.responses(model)],
  ["ai anthropic", anthropic(model)],
]) {
  const asked = { model: one, maxOutputTokens: 80, maxRetries: 0 };
  const whole = await generateText({ ...asked, prompt: "Hello" });
  const stream = streamText({ ...asked, prompt: "Hello" });
  const tools = { get_weather: tool({ inputSchema: jsonSchema(schema) }) };
  const called = await generateText({ ...asked, messages: weather, tools });
  found[name] = [whole.text, await stream.text, called.toolCalls[0].toolName];
}
console.log(JSON.stringify(found));
