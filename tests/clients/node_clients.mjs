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

const { toFile } = await import("openai");
const upload = (name, text) => toFile(Buffer.from(text), name);
const file = await openai.files.create({ file: await upload("yak.md", "The yak grunts."), purpose: "assistants" });
check("openai: a file", file.filename === "yak.md" && (await openai.files.retrieve(file.id)).bytes === 15);
check("openai: its content", (await (await openai.files.content(file.id)).text()) === "The yak grunts.");
let store = await openai.vectorStores.create({ name: "animals", metadata: { team: "zoo" } });
check("openai: a store", store.name === "animals" && store.metadata.team === "zoo");
const made = await openai.vectorStores.files.createAndPoll(store.id, { file_id: file.id, attributes: { legs: 4 } });
check("openai: createAndPoll", made.status === "completed" && made.attributes.legs === 4);
const up = await openai.vectorStores.files.uploadAndPoll(store.id, await upload("emu.txt", "The emu sprints."));
check("openai: uploadAndPoll", up.status === "completed");
const files = await Promise.all([upload("a.txt", "The asp hisses."), upload("b.txt", "The bat hangs.")]);
let batch = await openai.vectorStores.fileBatches.uploadAndPoll(store.id, { files });
check("openai: fileBatches.uploadAndPoll", batch.status === "completed" && batch.file_counts.completed === 2);
batch = await openai.vectorStores.fileBatches.createAndPoll(store.id, { file_ids: [file.id, up.id] });
check("openai: fileBatches.createAndPoll", batch.status === "completed" && batch.file_counts.total === 2);
const ids = [];
for await (const f of openai.vectorStores.fileBatches.listFiles(batch.id, { vector_store_id: store.id })) ids.push(f.id);
check("openai: the files of a batch", ids.length === 2 && ids.includes(file.id));
await openai.vectorStores.files.createAndPoll(store.id, { file_id: file.id, attributes: { legs: 5 } });
const by = await openai.vectorStores.search(store.id, { query: "grunts", filters: { type: "eq", key: "legs", value: 5 } });
check("openai: a search by attributes", by.data.length === 1 && by.data[0].file_id === file.id && by.data[0].filename === "yak.md");
store = await openai.vectorStores.update(store.id, { name: "beasts" });
check("openai: renamed", store.name === "beasts");
check("openai: detached", (await openai.vectorStores.files.delete(up.id, { vector_store_id: store.id })).deleted);
check("openai: a file is deleted", (await openai.files.delete(file.id)).deleted);
check("openai: a store is deleted", (await openai.vectorStores.delete(store.id)).deleted);
const gone = await openai.vectorStores.retrieve(store.id).then(() => 0, (x) => x.status);
check("openai: and gone", gone === 404);
console.log("end");
