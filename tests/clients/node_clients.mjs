// OpenAI's client and the Model Context Protocol's SDK for Node.
import OpenAI from "openai";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";

const url = process.env.RAGPOOL_URL;
const check = (what, holds) => console.log((holds ? "ok " : "not ok ") + what);

const openai = new OpenAI({ baseURL: url + "/v1", apiKey: "none", maxRetries: 0 });
check("openai: models", (await openai.models.list()).data.map((m) => m.id).join() === "rag/en");
const e = await openai.embeddings.create({ model: "rag/en", input: ["bread", "lamp"] });
check("openai: embeddings", e.data.length === 2 && e.data[0].embedding.length === e.data[1].embedding.length);
const page = await openai.vectorStores.search("en", { query: "How is sourdough baked?" });
check("openai: a search", page.data[0].filename === "bread.md");
const code = await openai.vectorStores.retrieve("nobody").then(() => "", (x) => x.status + x.code);
check("openai: an error", code === "404tenant_not_found");

const mcp = new Client({ name: "check-clients", version: "1" });
await mcp.connect(new StreamableHTTPClientTransport(new URL(url + "/mcp")));
check("mcp: the server", mcp.getServerVersion().name === "ragpool");
check("mcp: tools", (await mcp.listTools()).tools.map((t) => t.name).join() === "search,fetch");
const found = await mcp.callTool({ name: "search", arguments: { query: "sourdough bread" } });
const first = JSON.parse(found.content[0].text).results[0];
check("mcp: search", first.title === "Sourdough bread");
const read = await mcp.callTool({ name: "fetch", arguments: { id: first.id } });
check("mcp: fetch", read.structuredContent.text.includes("hot iron pot"));
await mcp.close();
console.log("end");
