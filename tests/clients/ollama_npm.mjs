// Asks everything that the npm client of Ollama can ask of one model, and prints what it got as one JSON object.
// Arguments: a folder with node_modules, the URL of the server, the model, a picture in base64.

import { createRequire } from "node:module";
import { join } from "node:path";

const [folder, host, model, picture] = process.argv.slice(2);
const { Ollama } = createRequire(join(folder, "package.json"))("ollama");
const client = new Ollama({ host });

const options = { temperature: 0, num_predict: 36 };
const user = (content, more = {}) => [{ role: "user", content, ...more }];
const weather = {
  type: "function",
  function: {
    name: "get_weather",
    description: "Tell the weather",
    parameters: { type: "object", required: ["city"], properties: { city: { type: "string", description: "where" } } },
  },
};
const schema = { type: "object", properties: { n: { type: "integer" } }, required: ["n"] };

const chat = (messages, more = {}) => client.chat({ model, messages, options, think: false, ...more });

async function all(stream) {
  const parts = [];
  for await (const part of await stream) parts.push(part);
  return parts;
}

async function failed(promise) {
  try {
    await promise;
    return null;
  } catch (error) {
    return { name: error.name, status: error.status_code ?? null, message: error.message };
  }
}

async function toolRound() {
  const messages = user("What is the weather in Paris?");
  const { message } = await chat(messages, { tools: [weather] });
  messages.push(message, { role: "tool", tool_name: "get_weather", content: "21C" });
  const told = await chat(messages, { tools: [weather] });
  return { calls: message.tool_calls, told: told.message.content };
}

const asked = {
  chat: () => chat(user("Hello")),
  chatStream: () => all(chat(user("Hello"), { stream: true })),
  tools: toolRound,
  toolsStream: () => all(chat(user("What is the weather in Paris?"), { tools: [weather], stream: true })),
  think: () => chat(user("think: 2+2?"), { think: true }),
  format: () => chat(user("Say 2"), { format: schema }),
  generate: async () => {
    const ask = (context) => client.generate({ model, prompt: "Hello", options, think: false, context });
    const first = await ask();
    return [first, await ask(first.context)];
  },
  generateStream: () => all(client.generate({ model, prompt: "Hello", options, think: false, stream: true })),
  embed: () => client.embed({ model, input: ["one text", "another"] }),
  embeddings: () => client.embeddings({ model, prompt: "one text" }),
  list: () => client.list(),
  ps: () => client.ps(),
  show: () => client.show({ model }),
  version: () => client.version(),
  image: async () => {
    let said = null;
    const error = await failed(chat(user("What is it?", { images: [picture] })).then((answer) => (said = answer)));
    return { said: said?.message.content ?? null, error };
  },
  unknownChat: () => failed(client.chat({ model: "nope", messages: user("Hello") })),
  unknownStream: () => failed(client.chat({ model: "nope", messages: user("Hello"), stream: true }).then(all)),
  unknownEmbed: () => failed(client.embed({ model: "nope", input: "x" })),
  unknownShow: () => failed(client.show({ model: "nope" })),
  pull: () => all(client.pull({ model: "new", stream: true })),
  pullMissing: () => failed(client.pull({ model: "missing" })),
  pullMissingStream: () => failed(all(client.pull({ model: "missing", stream: true }))),
};

const results = {};
for (const [name, ask] of Object.entries(asked)) {
  try {
    results[name] = await ask();
  } catch (error) {
    results[name] = { thrown: `${error.name}: ${error.message}` };
  }
}
console.log(JSON.stringify(results));
