/** Passwords are kept as scrypt hashes: scrypt$N$r$p$salt$hash, so that the cost can grow. */

import { randomBytes, scrypt, timingSafeEqual } from "node:crypto";
import { promisify } from "node:util";

const COST = { N: 2 ** 15, r: 8, p: 1 };
const MAX_MEMORY = 128 * 1024 * 1024; // bytes; Node's default is too small for COST
const derive = /** @type {(password: string, salt: Buffer, length: number,
  options: import("node:crypto").ScryptOptions) => Promise<Buffer>} */ (promisify(scrypt));

/** @param {string} password */
export async function hashPassword(password) {
  const salt = randomBytes(16);
  const hash = await derive(password, salt, 32, { ...COST, maxmem: MAX_MEMORY });
  return ["scrypt", COST.N, COST.r, COST.p, salt.toString("base64"), hash.toString("base64")].join("$");
}

/** Hash of no password: checking against it takes as long as against a real one. */
const NOBODY = `scrypt$${COST.N}$${COST.r}$${COST.p}$${"A".repeat(22)}==$${"A".repeat(43)}=`;

/** @param {string} password @param {string | undefined} stored without one the answer is no */
export async function passwordMatches(password, stored) {
  const [, n, r, p, salt, expected] = (stored ?? NOBODY).split("$");
  const wanted = Buffer.from(expected, "base64");
  const options = { N: Number(n), r: Number(r), p: Number(p), maxmem: MAX_MEMORY };
  const actual = await derive(password, Buffer.from(salt, "base64"), wanted.length, options);
  return timingSafeEqual(actual, wanted) && stored !== undefined;
}
