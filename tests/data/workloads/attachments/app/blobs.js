/** Blobs by their REST interface, signed with the account's key, as Microsoft documents it. */

import { createHmac } from "node:crypto";

const VERSION = "2024-11-04";

/** @param {string} text of a connection string */
export function account(text) {
  const parts = Object.fromEntries(
    text.split(";").filter(Boolean).map((part) => [part.slice(0, part.indexOf("=")), part.slice(part.indexOf("=") + 1)]),
  );
  return { name: parts.AccountName, key: Buffer.from(parts.AccountKey, "base64"), url: parts.BlobEndpoint };
}

/** Call the service. @returns {Promise<Response>} */
export async function call(to, method, path, { body = undefined, query = {}, headers = {} } = {}) {
  const sent = { "x-ms-date": new Date().toUTCString(), "x-ms-version": VERSION, ...headers };
  const length = body === undefined || body.length === 0 ? "" : String(body.length);
  const named = Object.entries(sent).filter(([name]) => name.startsWith("x-ms-")).sort()
    .map(([name, value]) => `${name}:${value}\n`).join("");
  const asked = Object.entries(query).sort().map(([name, value]) => `\n${name}:${value}`).join("");
  const type = sent["content-type"] ?? "";
  const text = `${method}\n\n\n${length}\n\n${type}\n\n\n\n\n\n\n${named}/${to.name}${path}${asked}`;
  const signature = createHmac("sha256", to.key).update(text).digest("base64");
  const search = new URLSearchParams(query).toString();
  return fetch(`${to.url}${path}${search ? `?${search}` : ""}`, {
    method, body, headers: { ...sent, authorization: `SharedKey ${to.name}:${signature}` },
  });
}
