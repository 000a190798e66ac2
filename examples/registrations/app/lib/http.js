/** What HTTP needs around the routes: bodies with limits, answers with safe headers, errors. */

/** @typedef {import("node:http").IncomingMessage} Request */
/** @typedef {import("node:http").ServerResponse} Response */

export const FIELDS_LIMIT = 16 * 1024; // bytes of a form or a JSON document

/** An answer that is not a success; the message is shown to the person. */
export class HttpError extends Error {
  /** @param {number} status @param {string} message @param {{headers?: Record<string, string>,
   *    fields?: Record<string, string>, values?: Record<string, unknown>}} [more] */
  constructor(status, message, { headers = {}, fields = {}, values = {} } = {}) {
    super(message);
    this.status = status;
    this.headers = headers;
    this.fields = fields; // what is wrong, by field
    this.values = values; // what was sent, to fill the form again
  }
}

/** @param {boolean} https @returns {Record<string, string>} */
export function securityHeaders(https) {
  return {
    "Content-Security-Policy":
      "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; " +
      "base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    // Not "no-referrer": browsers would then send "Origin: null" with our own forms.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
    ...(https ? { "Strict-Transport-Security": "max-age=31536000" } : {}),
  };
}

/** @param {Response} response @param {number} status @param {string} type @param {string | Buffer} body */
export function send(response, status, type, body) {
  response.writeHead(status, { "Content-Type": type, "Content-Length": Buffer.byteLength(body) });
  response.end(body);
}

/** @param {Response} response @param {number} status @param {unknown} value */
export function sendJson(response, status, value) {
  send(response, status, "application/json; charset=utf-8", `${JSON.stringify(value)}\n`);
}

/** @param {Response} response @param {string} location */
export function redirect(response, location) {
  response.writeHead(303, { Location: location, "Content-Length": 0 }).end();
}

/** @param {Request} request the media type that it declares */
export function mediaType(request) {
  return (request.headers["content-type"] ?? "").split(";")[0].trim().toLowerCase();
}

/** Does a browser wait for a page rather than a program for JSON? @param {Request} request */
export function wantsPage(request) {
  return (request.headers.accept ?? "").includes("text/html");
}

/**
 * Read a body of at most `limit` bytes. What is too long is read to its end and
 * dropped, so that the client sees the answer instead of a broken connection; the
 * server's request timeout bounds that.
 *
 * @param {Request} request
 * @param {number} limit
 * @returns {Promise<Buffer>}
 */
export function readBody(request, limit) {
  const tooLong = new HttpError(413, `more than ${limit} bytes`);
  if (Number(request.headers["content-length"] ?? 0) > limit) return Promise.reject(tooLong);
  return new Promise((resolve, reject) => {
    /** @type {Buffer[]} */
    let chunks = [];
    let size = 0;
    request.on("data", (/** @type {Buffer} */ chunk) => {
      size += chunk.length;
      if (size <= limit) return void chunks.push(chunk);
      chunks = [];
      reject(tooLong);
    });
    request.on("end", () => resolve(Buffer.concat(chunks)));
    request.on("error", () => reject(new HttpError(400, "the body broke off")));
  });
}

/**
 * Read the fields of a form or a JSON object.
 *
 * @param {Request} request
 * @returns {Promise<Record<string, unknown>>}
 */
export async function readFields(request) {
  const type = mediaType(request);
  if (type !== "application/json" && type !== "application/x-www-form-urlencoded") {
    throw new HttpError(415, "send application/json or a form");
  }
  const body = await readBody(request, FIELDS_LIMIT);
  let value;
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(body);
    value = type === "application/json" ? JSON.parse(text) : Object.fromEntries(new URLSearchParams(text));
  } catch {
    throw new HttpError(400, "the body cannot be read"); // the parser's own text would quote it
  }
  if (value === null || typeof value !== "object" || Array.isArray(value)) {
    throw new HttpError(400, "the body is not an object");
  }
  return value;
}
