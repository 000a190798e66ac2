/** Keeps what it is sent as blobs. A workload of tests: it asks nobody who he is. */

import { createServer } from "node:http";
import { account, call } from "./blobs.js";
import { ask } from "./cache.js";
import { report } from "./insights.js";

const container = process.env.CONTAINER;
const storage = account(process.env.AZURE_STORAGE_CONNECTION_STRING);

async function read(request) {
  const parts = [];
  for await (const part of request) parts.push(part);
  return Buffer.concat(parts);
}

async function answer(request) {
  if (request.url === "/version") return [200, "attachments 1.0.0"];
  if (request.url === "/health") {
    const found = await call(storage, "GET", `/${container}`, { query: { restype: "container" } });
    return [found.ok ? 200 : 503, `the container answers ${found.status} ${found.ok ? "" : await found.text()}`];
  }
  if (request.url.startsWith("/counted/")) {
    return [200, await ask(["INCR", `${process.env.CACHE_PREFIX}${request.url}`])];
  }
  if (request.url === "/fail") return [await report(new TypeError("a person met this")), "reported"];
  const path = `/${container}/${request.url.slice(1)}`;
  if (request.method === "PUT") {
    const headers = { "x-ms-blob-type": "BlockBlob", "content-type": "text/plain" };
    const made = await call(storage, "PUT", path, { body: await read(request), headers });
    return [made.status, await made.text()];
  }
  const found = await call(storage, request.method, path);
  return [found.status, Buffer.from(await found.arrayBuffer())];
}

const server = createServer(async (request, response) => {
  let told;
  try {
    told = await answer(request);
  } catch (error) {
    console.error(error);
    told = [500, String(error.cause ?? error)];
  }
  response.writeHead(told[0], { "content-type": "text/plain" }).end(told[1]);
});
process.on("SIGTERM", () => server.close(() => process.exit(0)));
server.listen(Number(process.env.PORT), "127.0.0.1", () => console.log("ready"));
