/** Health: can the database be asked, and can the uploads folder be written? */

import { randomUUID } from "node:crypto";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const LIMIT = 3500; // milliseconds for each check: less than who asks waits for an answer

/** @typedef {{ok: boolean, ms: number, code?: string}} Check */

/** @param {() => Promise<unknown>} work @returns {Promise<Check>} */
async function timed(work) {
  const start = performance.now();
  const timer = new AbortController();
  const late = sleep(LIMIT, undefined, { signal: timer.signal, ref: false }).then(() => {
    throw Object.assign(new Error("late"), { code: "TIMEOUT" });
  });
  late.catch(() => {}); // ends with an abort when the work is first
  try {
    await Promise.race([work(), late]);
    return { ok: true, ms: Math.round(performance.now() - start) };
  } catch (error) {
    // Everyone may ask: the code says enough, the text would tell names and paths.
    const { code } = /** @type {{code?: string}} */ (error);
    return { ok: false, ms: Math.round(performance.now() - start), code: code ?? "FAILED" };
  } finally {
    timer.abort();
  }
}

/** @param {{pool: import("pg").Pool, uploads: string}} options */
export function healthCheck({ pool, uploads }) {
  const database = () => pool.query("select 1 from registrations.schema_version limit 1");
  const disk = async () => {
    const probe = join(uploads, `.health-${randomUUID()}`);
    try {
      await writeFile(probe, "ok", { flag: "wx", mode: 0o600 });
    } finally {
      await rm(probe, { force: true });
    }
  };
  const check = async () => {
    const [databaseCheck, diskCheck] = await Promise.all([timed(database), timed(disk)]);
    const ok = databaseCheck.ok && diskCheck.ok;
    return { status: ok ? "ok" : "failing", checks: { database: databaseCheck, disk: diskCheck } };
  };
  /** @type {ReturnType<typeof check> | null} */
  let running = null;
  // Callers side by side share one check: asking often must cost nothing.
  return () => (running ??= check().finally(() => { running = null; }));
}
