/** From a request to its route and back: who asks, what went wrong, one line in the log. */

import { readFileSync } from "node:fs";
import { Accounts } from "./accounts.js";
import { Attachments } from "./attachments.js";
import { healthCheck } from "./health.js";
import { HttpError, securityHeaders, send, sendJson, wantsPage } from "./http.js";
import { errorPage } from "./page.js";
import { Registrations, validate } from "./registrations.js";
import { ROUTES, showHome } from "./routes.js";
import { texts } from "./texts.js";

const ID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}";
const MATCHERS = ROUTES.map((route) => (
  { route, pattern: new RegExp(`^${route.path.replaceAll(".", "\\.").replace(":id", `(${ID})`)}$`) }));
/** Codes of the system and of PostgreSQL for "not now": connection, shutdown, resources. */
const OUTAGE = /^(E[A-Z]+|08\d{3}|53\d{3}|57P0\d|57014)$/;
const { name, version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));

export class Application {
  /** @param {import("./settings.js").WebSettings} settings @param {import("pg").Pool} pool */
  constructor(settings, pool) {
    const https = settings.publicUrl.protocol === "https:";
    this.origin = settings.publicUrl.origin;
    this.headers = securityHeaders(https);
    this.language = settings.language;
    this.about = { name, version };
    const { instance, textMessages } = settings;
    this.site = { ...texts(settings.language), version, instance, textMessages };
    this.style = readFileSync(new URL("../style.css", import.meta.url));
    this.accounts = new Accounts({ pool, secret: settings.sessionSecret, https });
    this.registrations = new Registrations({ pool, namespace: settings.namespace });
    this.attachments = new Attachments({ pool, folder: settings.uploads });
    this.health = healthCheck({ pool, uploads: settings.uploads });
  }

  /** @param {Record<string, unknown>} input */
  register(input) {
    return this.registrations.add(validate(input, this.language));
  }

  /** Refuse what another site makes a browser send. @param {import("./http.js").Request} request */
  #sameOrigin({ headers }) {
    const foreign = headers.origin !== undefined && headers.origin !== this.origin;
    if (foreign || headers["sec-fetch-site"] === "cross-site") throw new HttpError(403, "sent from another site");
  }

  /** @param {string} method @param {string} path */
  #route(method, path) {
    const found = MATCHERS.flatMap(({ route, pattern }) => {
      const match = pattern.exec(path);
      return match ? [{ route, id: match[1] ?? "" }] : [];
    });
    if (found.length === 0) throw new HttpError(404, "no such page");
    const chosen = found.find(({ route }) => route.method === method);
    const allow = found.map(({ route }) => route.method).join(", ");
    if (!chosen) throw new HttpError(405, "no such method here", { headers: { Allow: allow } });
    return chosen;
  }

  /** @param {import("./routes.js").Context} context @param {string} method @param {(path: string) => void} matched */
  async #run(context, method, matched) {
    const { route, id } = this.#route(method, context.url.pathname);
    matched(route.path);
    if (method === "POST") this.#sameOrigin(context.request);
    // Health and version answer without asking who it is: the database may be down.
    if (!route.open || route.path === "/") {
      context.account = await this.accounts.who(context.request, context.address);
    }
    if (!route.open && !context.account) {
      const challenge = { "WWW-Authenticate": 'Basic realm="registrations", charset="UTF-8"' };
      throw new HttpError(401, "sign in first", { headers: wantsPage(context.request) ? {} : challenge });
    }
    await route.run({ ...context, id });
  }

  /** @param {import("./routes.js").Context} context @param {unknown} error */
  async #fail(context, error) {
    const { request, response } = context;
    const known = error instanceof HttpError ? error : unexpected(error);
    if (response.headersSent) return void response.destroy(); // too late for another answer
    for (const [header, value] of Object.entries(known.headers)) response.setHeader(header, value);
    const { status, message, fields } = known;
    if (!wantsPage(request)) return sendJson(response, status, { error: message, fields });
    if (status === 422 && context.url.pathname === "/registrations" && request.method === "POST") {
      return showHome(context, status, { values: known.values, wrong: fields });
    }
    send(response, status, "text/html; charset=utf-8", errorPage(this.site, message));
  }

  /** @param {import("./http.js").Request} request @param {import("./http.js").Response} response */
  async handle(request, response) {
    const start = performance.now();
    let path = "-"; // the route, never the path as sent: that may hold anything
    const method = request.method === "HEAD" ? "GET" : request.method ?? "";
    response.on("close", () => console.log(
      `${request.method} ${path} ${response.statusCode} ${Math.round(performance.now() - start)} ms`));
    for (const [header, value] of Object.entries(this.headers)) response.setHeader(header, value);
    // The proxy appends who called it, so the last address is not the caller's invention.
    const forwarded = String(request.headers["x-forwarded-for"] ?? request.socket.remoteAddress);
    const address = forwarded.split(",").at(-1)?.trim() ?? "";
    const url = new URL("http://unknown/");
    const context = { app: this, request, response, url, address, id: "", account: null };
    try {
      [url.pathname, url.search] = split(request.url ?? "/");
      await this.#run(context, method, (matched) => { path = matched; });
    } catch (error) {
      await this.#fail(context, error).catch(() => response.destroy());
    }
  }
}

/** @param {string} target of a request @returns {[string, string]} path and query */
function split(target) {
  const at = target.indexOf("?");
  return at < 0 ? [target, ""] : [target.slice(0, at), target.slice(at)];
}

/** Log where it happened and its code; a text could quote data. @param {unknown} error */
function unexpected(error) {
  const { code, name: kind, stack, message } = /** @type {any} */ (error);
  const place = String(stack).match(/[\w-]+\.js:\d+/)?.[0] ?? "?";
  console.error(`error ${kind} ${code ?? "-"} at ${place}`);
  const outage = OUTAGE.test(String(code)) || /timeout|terminated|ended/i.test(String(message));
  return outage
    ? new HttpError(503, "not available just now, try again soon")
    : new HttpError(500, "something went wrong");
}
