/** The web process: serves until SIGTERM, then finishes what it has begun and exits 0. */

import { createServer } from "node:http";
import { Application } from "./lib/application.js";
import { openPool } from "./lib/database.js";
import { databaseSettings, SettingsError, webSettings } from "./lib/settings.js";
import { describe } from "./lib/task.js";

const FINISH = 15_000; // milliseconds for open requests; less than the profile's grace_seconds

/** @param {import("node:http").Server} server @param {import("pg").Pool} pool */
async function stop(server, pool) {
  const closed = new Promise((resolve) => server.close(resolve));
  const late = setTimeout(() => server.closeAllConnections(), FINISH);
  await closed;
  clearTimeout(late);
  await pool.end();
  console.log("stopped");
}

/** @returns {Promise<void>} */
async function start() {
  process.umask(0o077);
  const settings = webSettings(process.env);
  const pool = openPool(databaseSettings(process.env));
  // A connection that breaks while idle is replaced; health tells when none can be made.
  pool.on("error", (error) => console.error(`lost a database connection: ${describe(error)}`));
  const application = new Application(settings, pool);
  await application.attachments.tidy().catch((error) => console.error(`uploads: ${describe(error)}`));
  const server = createServer({ requestTimeout: 60_000, headersTimeout: 10_000, maxHeaderSize: 16 * 1024 },
    (request, response) => application.handle(request, response));
  let stopping = false;
  for (const signal of ["SIGTERM", "SIGINT"]) {
    process.on(signal, () => {
      if (!stopping) stop(server, pool).then(() => process.exit(0));
      stopping = true;
    });
  }
  server.on("error", (error) => {
    console.error(`failed: ${describe(error)}`);
    process.exit(1);
  });
  server.listen(settings.port, "127.0.0.1", () => console.log("ready"));
}

start().catch((error) => {
  console.error(`failed: ${describe(error)}`);
  process.exit(error instanceof SettingsError ? 78 : 1);
});
