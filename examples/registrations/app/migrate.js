/**
 * Bring the schema to this version. Each migration and its entry in
 * registrations.schema_version are one transaction, so this can be killed and run again.
 */

import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { asOwner, transaction } from "./lib/database.js";
import { runTask } from "./lib/task.js";
import { databaseSettings } from "./lib/settings.js";

const FOLDER = new URL("./migrations/", import.meta.url);
const LOCK = 7_241_906; // any number that no other program takes in this database

/** @returns {Promise<{version: number, name: string, sql: string, digest: string}[]>} in order */
async function migrations() {
  const names = (await readdir(FOLDER)).filter((name) => /^\d{3}_[a-z_]+\.sql$/.test(name)).sort();
  return Promise.all(names.map(async (name) => {
    const sql = await readFile(new URL(name, FOLDER), "utf8");
    const digest = createHash("sha256").update(sql).digest("hex");
    return { version: Number(name.slice(0, 3)), name, sql, digest };
  }));
}

/** @param {import("pg").Client} client @returns {Promise<Map<number, string>>} digest by version */
async function applied(client) {
  await client.query(`create table if not exists registrations.schema_version (
    version integer primary key, digest text not null, applied timestamptz not null default now())`);
  const { rows } = await client.query("select version, digest from registrations.schema_version");
  return new Map(rows.map((row) => [row.version, row.digest]));
}

/** @param {import("pg").Client} client */
async function migrate(client) {
  await client.query("set lock_timeout = '30s'"); // a second run waits for the first, not for ever
  await client.query("select pg_advisory_lock($1)", [LOCK]);
  const wanted = await migrations();
  const done = await applied(client);
  const newest = Math.max(0, ...done.keys());
  if (newest > (wanted.at(-1)?.version ?? 0)) {
    throw new Error(`the database is at version ${newest}, newer than this program`);
  }
  for (const { version, name, sql, digest } of wanted) {
    const before = done.get(version);
    if (before === digest) continue;
    if (before !== undefined) throw new Error(`${name} was changed after it had been applied`);
    await transaction(client, async () => {
      await client.query(sql);
      await client.query(
        "insert into registrations.schema_version (version, digest) values ($1, $2)", [version, digest]);
    });
    console.log(`applied ${name}`);
  }
}

await runTask(() => asOwner(databaseSettings(process.env), migrate));
