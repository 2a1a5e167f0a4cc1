// Drive a server with the TypeScript SDK v1: sdk_v1.mjs SOCKET URL | sdk_v1.mjs SOCKET COMMAND...
// SOCKET is "builtin" or "ws": whose WebSocket to use for ws:// URLs. Prints one line of JSON.
import { createRequire } from "node:module";

import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { WebSocketClientTransport } from "@modelcontextprotocol/sdk/client/websocket.js";

const [socket, target, ...rest] = process.argv.slice(2);
const require = createRequire(import.meta.url);
if (socket === "ws") globalThis.WebSocket = require("ws");

function transport() {
  if (target.startsWith("http")) return new StreamableHTTPClientTransport(new URL(target));
  if (target.startsWith("ws")) return new WebSocketClientTransport(new URL(target));
  return new StdioClientTransport({ command: target, args: rest, env: { ...process.env } });
}

// The v1 client keeps the agreed revision in the transport, where the transport has a place for it.
let protocol = null;
const wire = transport();
const told = wire.setProtocolVersion?.bind(wire);
wire.setProtocolVersion = (version) => {
  protocol = version;
  told?.(version);
};

const client = new Client({ name: "tests", version: "1" });
await client.connect(wire);
const { tools } = await client.listTools();
const databases = await client.callTool({ name: "list_databases", arguments: {} });
const answer = await client.callTool({
  name: "execute_query",
  arguments: { query: "SELECT 41 + 1 AS ANSWER" },
});
await client.close();
console.log(
  JSON.stringify({
    client: `@modelcontextprotocol/sdk ${require("./node_modules/@modelcontextprotocol/sdk/package.json").version}`,
    protocol,
    instructions: client.getInstructions(),
    tools: tools.map((tool) => tool.name),
    databases: databases.structuredContent,
    answer: answer.structuredContent,
    is_error: Boolean(answer.isError),
  }),
);
process.exit(0);
