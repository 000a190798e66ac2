/** Who is it: a session cookie signed with HMAC, or basic authentication. */

import { createHmac, timingSafeEqual } from "node:crypto";
import { HttpError } from "./http.js";
import { passwordMatches } from "./passwords.js";

const SESSION_SECONDS = 8 * 3600;
const ATTEMPTS = 10; // failed ones from an address within WINDOW
const WINDOW = 60_000; // milliseconds
const ADDRESSES = 10_000; // remembered at most

export class Accounts {
  /** @param {{pool: import("pg").Pool, secret: string, https: boolean}} options */
  constructor({ pool, secret, https }) {
    this.pool = pool;
    this.secret = secret;
    // The prefix makes browsers refuse the cookie from anywhere but this very host.
    this.cookie = https ? "__Host-session" : "session";
    this.attributes = `Path=/; HttpOnly; SameSite=Strict${https ? "; Secure" : ""}`;
    /** @type {Map<string, {count: number, since: number}>} */
    this.failures = new Map();
  }

  /** @param {string} email @returns {Promise<string | undefined>} */
  async #hash(email) {
    const { rows } = await this.pool.query(
      "select password_hash from registrations.account where email = $1", [email]);
    return rows[0]?.password_hash;
  }

  /**
   * The password's hash is signed too: a new password ends every session.
   * @param {string} expiry @param {string} email @param {string} hash
   */
  #sign(expiry, email, hash) {
    return createHmac("sha256", this.secret).update(JSON.stringify([expiry, email, hash])).digest();
  }

  /** @param {string} address */
  #refuseAfterTooMany(address) {
    const { count = 0, since = 0 } = this.failures.get(address) ?? {};
    if (count < ATTEMPTS || Date.now() - since > WINDOW) return;
    throw new HttpError(429, "too many attempts, wait a minute", { headers: { "Retry-After": "60" } });
  }

  /** @param {string} address */
  #failed(address) {
    const last = this.failures.get(address);
    const going = last !== undefined && Date.now() - last.since <= WINDOW;
    if (this.failures.size >= ADDRESSES) this.failures.clear();
    this.failures.set(address, going ? { ...last, count: last.count + 1 } : { count: 1, since: Date.now() });
  }

  /**
   * @param {string} email @param {string} password @param {string} address of the client
   * @returns {Promise<{email: string, hash: string} | null>}
   */
  async check(email, password, address) {
    this.#refuseAfterTooMany(address);
    const wanted = email.toLowerCase().slice(0, 254);
    // A NUL would be an error of the database, not a wrong name.
    const hash = wanted.includes("\0") ? undefined : await this.#hash(wanted);
    const right = await passwordMatches(password.slice(0, 1024), hash);
    this.#refuseAfterTooMany(address); // again: guesses side by side all passed the first time
    if (!right || hash === undefined) {
      this.#failed(address);
      return null;
    }
    await this.pool.query(
      `update registrations.account set last_login = now()
       where email = $1 and (last_login is null or last_login < now() - interval '1 minute')`, [wanted]);
    return { email: wanted, hash };
  }

  /** The cookie of a new session. @param {{email: string, hash: string}} account */
  open({ email, hash }) {
    const expiry = String(Math.floor(Date.now() / 1000) + SESSION_SECONDS);
    const token = [expiry, Buffer.from(email).toString("base64url"),
      this.#sign(expiry, email, hash).toString("base64url")].join(".");
    return `${this.cookie}=${token}; Max-Age=${SESSION_SECONDS}; ${this.attributes}`;
  }

  /** The cookie that ends a session. */
  close() {
    return `${this.cookie}=; Max-Age=0; ${this.attributes}`;
  }

  /** @param {import("node:http").IncomingMessage} request */
  async #session(request) {
    const pairs = (request.headers.cookie ?? "").split(";").map((pair) => pair.trim());
    const token = pairs.find((pair) => pair.startsWith(`${this.cookie}=`))?.slice(this.cookie.length + 1);
    const [expiry, encoded, signature] = (token ?? "").split(".");
    if (!signature || !(Number(expiry) > Date.now() / 1000)) return null;
    const email = Buffer.from(encoded, "base64url").toString();
    const hash = email.includes("\0") ? undefined : await this.#hash(email);
    const given = Buffer.from(signature, "base64url");
    const wanted = this.#sign(expiry, email, hash ?? "");
    const same = given.length === wanted.length && timingSafeEqual(given, wanted);
    return same && hash !== undefined ? email : null;
  }

  /**
   * @param {import("node:http").IncomingMessage} request @param {string} address of the client
   * @returns {Promise<string | null>} the account's address, or null
   */
  async who(request, address) {
    const [scheme, encoded] = (request.headers.authorization ?? "").split(" ");
    if (scheme.toLowerCase() !== "basic" || !encoded) return this.#session(request);
    const [email, ...password] = Buffer.from(encoded, "base64").toString().split(":");
    return (await this.check(email, password.join(":"), address))?.email ?? null;
  }
}
