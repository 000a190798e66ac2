/** Attachments: the bytes on disk under names of our own, the rest in the database. */

import { createHash, randomUUID } from "node:crypto";
import { open, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { transaction } from "./database.js";
import { HttpError, mediaType, readBody } from "./http.js";

export const SIZE_LIMIT = 5 * 1024 * 1024; // bytes
const FORM_LIMIT = SIZE_LIMIT + 4096; // a form has boundaries and headers around the file

/** What may be kept: its ending, and how its bytes begin. */
const KINDS = new Map([
  ["application/pdf", { ending: "pdf", start: Buffer.from("%PDF-") }],
  ["image/jpeg", { ending: "jpg", start: Buffer.from([0xff, 0xd8, 0xff]) }],
  ["image/png", { ending: "png", start: Buffer.from([0x89, 0x50, 0x4e, 0x47]) }],
  ["text/plain", { ending: "txt", start: Buffer.alloc(0) }],
]);

/** @param {string} given a file name from outside, never used as a path */
function displayName(given) {
  return given.split(/[/\\]/).at(-1)?.replace(/[\p{C}"]/gu, "").slice(0, 100).toWellFormed() || "attachment";
}

/**
 * @param {import("node:http").IncomingMessage} request
 * @returns {Promise<{bytes: Buffer, type: string, name: string}>}
 */
async function receive(request) {
  const type = mediaType(request);
  if (type !== "multipart/form-data") {
    if (!KINDS.has(type)) throw new HttpError(415, `send one of ${[...KINDS.keys()].join(", ")}`);
    return { bytes: await readBody(request, SIZE_LIMIT), type, name: `attachment.${KINDS.get(type)?.ending}` };
  }
  const body = await readBody(request, FORM_LIMIT);
  const headers = { "content-type": request.headers["content-type"] ?? "" };
  const form = await new Response(new Uint8Array(body), { headers }).formData().catch(() => {
    throw new HttpError(400, "the form cannot be read");
  });
  const file = form.get("file");
  if (file === null || typeof file === "string") throw new HttpError(400, "the form has no file");
  if (file.size > SIZE_LIMIT) throw new HttpError(413, `more than ${SIZE_LIMIT} bytes`);
  return { bytes: Buffer.from(await file.arrayBuffer()), type: file.type.split(";")[0], name: file.name };
}

export class Attachments {
  /** @param {{pool: import("pg").Pool, folder: string}} options */
  constructor({ pool, folder }) {
    this.pool = pool;
    this.folder = folder;
  }

  /** Remove what a killed process left half-written. */
  async tidy() {
    for (const name of await readdir(this.folder)) {
      if (name.startsWith(".")) await rm(join(this.folder, name), { force: true });
    }
  }

  /** Durable and whole under its name, or not there at all. @param {string} name @param {Buffer} bytes */
  async #write(name, bytes) {
    const partial = join(this.folder, `.${name}`);
    const file = await open(partial, "wx", 0o600);
    try {
      await file.writeFile(bytes);
      await file.sync();
    } catch (error) {
      await rm(partial, { force: true });
      throw error;
    } finally {
      await file.close();
    }
    await rename(partial, join(this.folder, name));
    const folder = await open(this.folder, "r");
    await folder.sync().finally(() => folder.close());
  }

  /** Enter the file, and tell which one it takes the place of. @param {any} row */
  async #enter(row) {
    const client = await this.pool.connect();
    try {
      return await transaction(client, async () => {
        const found = await client.query(
          "select 1 from registrations.registration where id = $1 for update", [row.registration]);
        if (found.rowCount === 0) throw new HttpError(404, "no such registration");
        const { rows } = await client.query(
          "delete from registrations.attachment where registration = $1 returning stored_name",
          [row.registration]);
        await client.query(
          `insert into registrations.attachment
             (registration, stored_name, file_name, content_type, size_bytes, sha256)
           values ($1, $2, $3, $4, $5, $6)`,
          [row.registration, row.stored, row.file_name, row.content_type, row.size_bytes, row.sha256]);
        await client.query(
          "update registrations.registration set updated = now() where id = $1", [row.registration]);
        return rows[0]?.stored_name;
      });
    } finally {
      client.release();
    }
  }

  /**
   * Keep the body as the registration's attachment.
   * @param {string} registration
   * @param {import("node:http").IncomingMessage} request
   */
  async put(registration, request) {
    const { bytes, type, name } = await receive(request);
    const kind = KINDS.get(type);
    if (!kind) throw new HttpError(415, `send one of ${[...KINDS.keys()].join(", ")}`);
    if (bytes.length === 0) throw new HttpError(422, "the file is empty");
    if (!bytes.subarray(0, kind.start.length).equals(kind.start)) throw new HttpError(422, `this is not ${type}`);
    const stored = `${randomUUID()}.${kind.ending}`;
    const facts = {
      registration, file_name: displayName(name), content_type: type, size_bytes: bytes.length,
      sha256: createHash("sha256").update(bytes).digest("hex"),
    };
    await this.#write(stored, bytes);
    try {
      const replaced = await this.#enter({ ...facts, stored });
      if (replaced) await rm(join(this.folder, replaced), { force: true });
    } catch (error) {
      await rm(join(this.folder, stored), { force: true });
      throw error;
    }
    return facts;
  }

  /** @param {string} registration @returns {Promise<{row: any, file: import("node:fs/promises").FileHandle}>} */
  async get(registration) {
    const { rows } = await this.pool.query(
      `select stored_name, file_name, content_type from registrations.attachment
       where registration = $1`, [registration]);
    if (rows.length === 0) throw new HttpError(404, "no such attachment");
    return { row: rows[0], file: await open(join(this.folder, rows[0].stored_name), "r") };
  }
}
