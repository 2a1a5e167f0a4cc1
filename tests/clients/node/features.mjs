// Use every feature with a TypeScript SDK: features.mjs v1 URL | features.mjs MODE URL
// MODE is "auto" or "legacy" for the client v2; v1 takes http:// and ws:// URLs. Prints one line of
// JSON.
import { createRequire } from "node:module";

const [which, target] = process.argv.slice(2);
const require = createRequire(import.meta.url);
const STEP_MS = 10_000;
setTimeout(() => {
  console.error("took too long");
  process.exit(1);
}, 35_000);

const asked = [];
async function ask(request) {
  asked.push(request.params.message);
  return { action: "accept", content: { username: "Ada", email: "ada@example.org" } };
}

async function connectV1() {
  const { Client } = await import("@modelcontextprotocol/sdk/client/index.js");
  const { StreamableHTTPClientTransport } = await import(
    "@modelcontextprotocol/sdk/client/streamableHttp.js"
  );
  const { WebSocketClientTransport } = await import(
    "@modelcontextprotocol/sdk/client/websocket.js"
  );
  const { ElicitRequestSchema } = await import("@modelcontextprotocol/sdk/types.js");
  const http = target.startsWith("http");
  const wire = new (http ? StreamableHTTPClientTransport : WebSocketClientTransport)(
    new URL(target),
  );
  // The v1 client keeps the agreed revision in the transport, where that has a place for it.
  let protocol = null;
  const told = wire.setProtocolVersion?.bind(wire);
  wire.setProtocolVersion = (version) => {
    protocol = version;
    told?.(version);
  };
  const client = new Client(
    { name: "tests", version: "1" },
    { capabilities: { elicitation: {} } },
  );
  client.setRequestHandler(ElicitRequestSchema, ask);
  await client.connect(wire);
  const call = (params, options) => client.callTool(params, undefined, options);
  return { client, protocol, call, name: "sdk" };
}

async function connectV2() {
  const { Client, StreamableHTTPClientTransport } = await import("@modelcontextprotocol/client");
  const client = new Client(
    { name: "tests", version: "1" },
    {
      capabilities: { elicitation: {} },
      ...(which === "auto" ? { versionNegotiation: { mode: "auto" } } : {}),
    },
  );
  client.setRequestHandler("elicitation/create", ask);
  await client.connect(new StreamableHTTPClientTransport(new URL(target)));
  const protocol = client.getNegotiatedProtocolVersion();
  const call = (params, options) => client.callTool(params, options);
  return { client, protocol, call, name: "client" };
}

// Requests and statements that run in the server, as another client sees them.
async function running() {
  const url = target.replace(/^ws/, "http").replace(/mcp$/, "status");
  const status = await (await fetch(url)).json();
  return [status.requests_running, status.warehouse.lane.running];
}

const { client, protocol, call, name } = await (which === "v1" ? connectV1() : connectV2());
const { resources } = await client.listResources();
const databases = await client.readResource({ uri: "snowflake://databases" });
const { resourceTemplates } = await client.listResourceTemplates();
const schema = await client.readResource({ uri: "snowflake://DEMO/SALES" });
const { prompts } = await client.listPrompts();
const prompt = await client.getPrompt({ name: "explore_database", arguments: { database: "DEMO" } });
const completed = await client.complete({
  ref: { type: "ref/resource", uri: "snowflake://{database}/{schema}" },
  argument: { name: "schema", value: "s" },
  context: { arguments: { database: "DEMO" } },
});
const elicited = await call({ name: "test_elicitation", arguments: { message: "Who are you?" } });

// Give a slow query up once it reports progress, and run another one at once.
const progress = [];
const gaveUp = new AbortController();
let began;
const begun = new Promise((resolve) => (began = resolve));
const slow = call(
  { name: "execute_query", arguments: { query: "SELECT SYSTEM$WAIT(20)" } },
  {
    signal: gaveUp.signal,
    timeout: STEP_MS,
    onprogress: (heard) => {
      progress.push(heard);
      began();
    },
  },
).then(
  () => "answered",
  (error) => String(error),
);
await Promise.race([begun, slow]);
const before = await running();
gaveUp.abort("changed my mind");
const cancelled = await slow;
const since = performance.now();
// The server under test runs one statement at a time: this one needs the other's place.
const answer = await call(
  { name: "execute_query", arguments: { query: "SELECT 41 + 1 AS ANSWER" } },
  { timeout: STEP_MS },
);
const tookS = (performance.now() - since) / 1000;
const after = await running();
await client.close();
const { version } = require(`./node_modules/@modelcontextprotocol/${name}/package.json`);
console.log(
  JSON.stringify({
    client: `@modelcontextprotocol/${name} ${version}`,
    protocol,
    resources: resources.map((each) => each.uri),
    databases: JSON.parse(databases.contents[0].text),
    templates: resourceTemplates.map((each) => each.uriTemplate),
    schema: JSON.parse(schema.contents[0].text),
    prompts: prompts.map((each) => each.name),
    prompt: prompt.messages[0].content.text,
    completed: completed.completion.values,
    asked,
    elicited: elicited.content[0].text,
    progress,
    cancelled: cancelled !== "answered",
    cancelled_with: cancelled,
    answer: answer.structuredContent.rows,
    took_s: tookS,
    running: [before, after],
  }),
);
process.exit(0);
