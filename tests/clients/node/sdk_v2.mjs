// Drive a server with the TypeScript client v2: sdk_v2.mjs MODE URL | sdk_v2.mjs MODE COMMAND...
// MODE is "legacy" (its default), "auto" or a revision to pin. Prints one line of JSON.
import { createRequire } from "node:module";

import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";

const [mode, target, ...rest] = process.argv.slice(2);
const require = createRequire(import.meta.url);

const options = {
  legacy: {},
  auto: { versionNegotiation: { mode: "auto" } },
}[mode] ?? { versionNegotiation: { mode: { pin: mode } } };
const wire = target.startsWith("http")
  ? new StreamableHTTPClientTransport(new URL(target))
  : new StdioClientTransport({ command: target, args: rest, env: { ...process.env } });

const client = new Client({ name: "tests", version: "1" }, options);
await client.connect(wire);
const { tools } = await client.listTools();
const databases = await client.callTool({ name: "list_databases", arguments: {} });
const answer = await client.callTool({
  name: "execute_query",
  arguments: { query: "SELECT 41 + 1 AS ANSWER" },
});
const protocol = client.getNegotiatedProtocolVersion();
await client.close();
console.log(
  JSON.stringify({
    client: `@modelcontextprotocol/client ${require("./node_modules/@modelcontextprotocol/client/package.json").version}`,
    protocol,
    instructions: client.getInstructions(),
    tools: tools.map((tool) => tool.name),
    databases: databases.structuredContent,
    answer: answer.structuredContent,
    is_error: Boolean(answer.isError),
  }),
);
process.exit(0);
