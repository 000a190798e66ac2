/** Registrations: what makes a valid one, and where they are kept. */

import { createHmac } from "node:crypto";
import { HttpError } from "./http.js";
import { LANGUAGE } from "./settings.js";

/** Control and format characters, but the two joiners that Sinhala and Persian names need. */
const INVISIBLE = /[^\P{C}\u200c\u200d]/u;
const PHONE = /^\+[1-9]\d{6,14}$/; // E.164
const COLUMNS = `r.id, r.name, r.phone, r.household_size, r.language, r.note, r.created, r.updated,
  a.file_name as attachment`;
const TABLES = `registrations.registration r
  left join registrations.attachment a on a.registration = r.id`;

/** @typedef {{name: string, phone: string, household_size: number, language: string, note: string}} Fields */

/** @param {unknown} value text in one form, without invisible characters */
function text(value) {
  return typeof value === "string" ? value.normalize("NFC").trim().replace(/\r\n/g, "\n") : "";
}

/**
 * @param {Record<string, unknown>} input
 * @param {string} language of the instance
 * @returns {Fields}
 */
export function validate(input, language) {
  const fields = {
    name: text(input.name),
    phone: text(input.phone).replace(/[\s()-]/g, ""),
    household_size: /^\d{1,2}$/.test(String(input.household_size)) ? Number(input.household_size) : 0,
    language: text(input.language) || language,
    note: text(input.note),
  };
  /** @type {Record<string, string>} */
  const wrong = {};
  if (!fields.name || [...fields.name].length > 120 || INVISIBLE.test(fields.name)) {
    wrong.name = "1 to 120 characters";
  }
  if (!PHONE.test(fields.phone)) wrong.phone = "a number with its country code, such as +229 01 23 45 67";
  if (fields.household_size < 1 || fields.household_size > 50) wrong.household_size = "a number from 1 to 50";
  if (!LANGUAGE.test(fields.language)) wrong.language = "a language tag such as fr";
  if ([...fields.note].length > 500 || INVISIBLE.test(fields.note.replaceAll("\n", ""))) {
    wrong.note = "at most 500 characters";
  }
  if (Object.keys(wrong).length > 0) {
    throw new HttpError(422, "some fields are wrong", { fields: wrong, values: input });
  }
  return fields;
}

export class Registrations {
  /** @param {{pool: import("pg").Pool, namespace: string}} options */
  constructor({ pool, namespace }) {
    this.pool = pool;
    this.namespace = namespace;
  }

  /**
   * The same person sent twice gets the same id, for as long as the namespace is the
   * same: this is why it may never be rotated. Keyed, so the id tells nothing.
   * @param {Fields} fields
   */
  #id({ name, phone }) {
    const digest = createHmac("sha256", this.namespace)
      .update(JSON.stringify([name.toLowerCase(), phone])).digest().subarray(0, 16);
    digest[6] = (digest[6] & 0x0f) | 0x80; // UUID version 8: made by the application
    digest[8] = (digest[8] & 0x3f) | 0x80;
    return digest.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
  }

  /** @param {Fields} fields @returns {Promise<{created: boolean, registration: any}>} */
  async add(fields) {
    const id = this.#id(fields);
    const { rowCount } = await this.pool.query(
      `insert into registrations.registration (id, name, phone, household_size, language, note)
       values ($1, $2, $3, $4, $5, $6) on conflict (id) do nothing`,
      [id, fields.name, fields.phone, fields.household_size, fields.language, fields.note]);
    return { created: rowCount === 1, registration: await this.get(id) };
  }

  /** @param {string} id */
  async get(id) {
    const { rows } = await this.pool.query(`select ${COLUMNS} from ${TABLES} where r.id = $1`, [id]);
    if (rows.length === 0) throw new HttpError(404, "no such registration");
    return rows[0];
  }

  /** The newest first. @param {number} limit @returns {Promise<{registrations: any[], total: number}>} */
  async list(limit) {
    const { rows } = await this.pool.query(
      `select ${COLUMNS} from ${TABLES} order by r.created desc, r.id limit $1`, [limit]);
    const counted = await this.pool.query("select count(*)::int as total from registrations.registration");
    return { registrations: rows, total: counted.rows[0].total };
  }
}
