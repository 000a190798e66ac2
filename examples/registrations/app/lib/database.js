/** The database: always over TLS with the server's name checked, or over a local socket. */

import { readFileSync } from "node:fs";
import pg from "pg";

/** @typedef {import("./settings.js").DatabaseSettings} DatabaseSettings */

/** @param {DatabaseSettings} settings @returns {pg.ClientConfig} */
function connection(settings) {
  const local = settings.host.startsWith("/");
  return {
    host: settings.host, port: settings.port, database: settings.name,
    user: settings.user, password: settings.password,
    application_name: "registrations",
    connectionTimeoutMillis: 3000,
    // `host` as well: for an IP address the driver passes no name, and the check
    // would silently be made against "localhost".
    ssl: local ? false : {
      ca: readFileSync(settings.caFile, "utf8"), host: settings.host, minVersion: "TLSv1.2",
      rejectUnauthorized: true,
    },
  };
}

/** @param {DatabaseSettings} settings */
export function openPool(settings) {
  return new pg.Pool({
    ...connection(settings), max: 8, idleTimeoutMillis: 30_000,
    statement_timeout: 10_000, query_timeout: 12_000, idle_in_transaction_session_timeout: 10_000,
  });
}

/**
 * Run `work` on one connection, as the role that owns the schema, so that what it
 * creates belongs to that role and the grants that come with it apply.
 *
 * @template T
 * @param {DatabaseSettings} settings
 * @param {(client: pg.Client) => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function asOwner(settings, work) {
  const client = new pg.Client(connection(settings));
  // The failing query reports a lost connection; without a listener it would also crash us.
  client.on("error", () => {});
  await client.connect();
  try {
    const { rows } = await client.query(
      "select pg_get_userbyid(nspowner) as owner from pg_namespace where nspname = 'registrations'");
    if (rows.length === 0) await client.query("create schema registrations");
    else await client.query(`set role ${pg.escapeIdentifier(rows[0].owner)}`);
    return await work(client);
  } finally {
    await client.end();
  }
}

/**
 * Run `work` in a transaction.
 *
 * @template T
 * @param {pg.ClientBase} client
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function transaction(client, work) {
  await client.query("begin");
  try {
    const result = await work();
    await client.query("commit");
    return result;
  } catch (error) {
    await client.query("rollback").catch(() => {}); // the first error is the one that tells
    throw error;
  }
}
