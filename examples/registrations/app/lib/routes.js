/** The routes: each a method, a path, whether it needs a login, and what it does. */

import { pipeline } from "node:stream/promises";
import { HttpError, mediaType, readFields, redirect, send, sendJson, wantsPage } from "./http.js";
import { homePage, loginPage } from "./page.js";

/**
 * @typedef {import("./application.js").Application} Application
 * @typedef {{app: Application, request: import("./http.js").Request, response: import("./http.js").Response,
 *   url: URL, id: string, account: string | null, address: string}} Context
 * @typedef {{method: string, path: string, open?: boolean, run: (context: Context) => Promise<void>}} Route
 */

const PAGE = "text/html; charset=utf-8";
const isForm = (/** @type {Context} */ { request }) => mediaType(request) !== "application/json";

/** @param {Context} context @param {number} status @param {any} [state] */
export async function showHome({ app, response, account, url }, status, state = {}) {
  if (!account) return send(response, status, PAGE, loginPage(app.site));
  const list = await app.registrations.list(50);
  const saved = url.searchParams.has("saved");
  send(response, status, PAGE, homePage(app.site, { ...list, account, saved, language: app.language, ...state }));
}

/** @param {Context} context */
async function login({ app, request, response, address }) {
  const { email, password } = await readFields(request);
  const account = await app.accounts.check(String(email ?? ""), String(password ?? ""), address);
  if (!account) return send(response, 401, PAGE, loginPage(app.site, { wrong: true }));
  response.setHeader("Set-Cookie", app.accounts.open(account));
  redirect(response, "/");
}

/** @param {Context} context */
async function logout({ app, response }) {
  response.setHeader("Set-Cookie", app.accounts.close());
  redirect(response, "/");
}

/** @param {Context} context */
async function list({ app, response, url }) {
  const limit = url.searchParams.get("limit") ?? "50";
  if (!/^\d{1,4}$/.test(limit) || Number(limit) < 1 || Number(limit) > 500) {
    throw new HttpError(422, "limit is a number from 1 to 500");
  }
  sendJson(response, 200, await app.registrations.list(Number(limit)));
}

/** @param {Context} context */
async function add(context) {
  const { app, request, response } = context;
  const { created, registration } = await app.register(await readFields(request));
  if (isForm(context) && wantsPage(request)) return redirect(response, "/?saved");
  response.setHeader("Location", `/registrations/${registration.id}`);
  sendJson(response, created ? 201 : 200, registration);
}

/** @param {Context} context */
async function show({ app, response, id }) {
  sendJson(response, 200, await app.registrations.get(id));
}

/** @param {Context} context */
async function upload({ app, request, response, id }) {
  const attachment = await app.attachments.put(id, request);
  if (wantsPage(request)) return redirect(response, "/?saved");
  sendJson(response, 201, attachment);
}

/** @param {Context} context */
async function download({ app, response, id }) {
  const { row, file } = await app.attachments.get(id);
  const name = encodeURIComponent(row.file_name).replace(/['()*]/g, (c) => `%${c.charCodeAt(0).toString(16)}`);
  try {
    response.writeHead(200, {
      "Content-Type": row.content_type, "Content-Length": (await file.stat()).size,
      "Content-Disposition": `attachment; filename*=UTF-8''${name}`, // never shown as a page of ours
    });
    await pipeline(file.createReadStream(), response);
  } finally {
    await file.close();
  }
}

/** @param {Context} context */
async function health({ app, response }) {
  const report = await app.health();
  sendJson(response, report.status === "ok" ? 200 : 503, report);
}

/** @param {Context} context */
async function version({ app, response }) {
  sendJson(response, 200, app.about);
}

/** @param {Context} context */
async function style({ app, response }) {
  send(response, 200, "text/css; charset=utf-8", app.style);
}

/** @type {Route[]} */
export const ROUTES = [
  { method: "GET", path: "/", open: true, run: (context) => showHome(context, 200) },
  { method: "GET", path: "/style.css", open: true, run: style },
  { method: "GET", path: "/health", open: true, run: health },
  { method: "GET", path: "/version", open: true, run: version },
  { method: "POST", path: "/login", open: true, run: login },
  { method: "POST", path: "/logout", open: true, run: logout },
  { method: "GET", path: "/registrations", run: list },
  { method: "POST", path: "/registrations", run: add },
  { method: "GET", path: "/registrations/:id", run: show },
  { method: "POST", path: "/registrations/:id/attachment", run: upload },
  { method: "GET", path: "/registrations/:id/attachment", run: download },
];
