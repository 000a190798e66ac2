/** The page for a person: plain HTML that works without scripts. */

/** @typedef {import("./texts.js").Texts} Texts */
/** @typedef {{lang: string, t: Texts, instance: string, version: string, textMessages: boolean}} Site */

class Markup {
  /** @param {string} text */
  constructor(text) {
    this.text = text;
  }
}

/** @type {Record<string, string>} */
const ESCAPES = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

/** @param {unknown} value @returns {string} */
function escape(value) {
  if (value instanceof Markup) return value.text;
  if (Array.isArray(value)) return value.map(escape).join("");
  return String(value ?? "").replace(/[&<>"']/g, (character) => ESCAPES[character]);
}

/** A template whose values are escaped, unless they are templates themselves.
 * @param {TemplateStringsArray} strings @param {unknown[]} values */
function html(strings, ...values) {
  return new Markup(String.raw({ raw: strings }, ...values.map(escape)));
}

/** @param {Site} site @param {Markup | Markup[]} content @param {string | null} account */
function layout(site, content, account) {
  const { lang, t } = site;
  const signOut = html`<form method="post" action="/logout"><span>${account}</span>
    <button class="quiet">${t.signOut}</button></form>`;
  return html`<!doctype html>
<html lang="${lang}"><head><meta charset="utf-8"><title>${site.instance} – ${t.intro}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,"><link rel="stylesheet" href="/style.css"></head>
<body><header><div><h1>${site.instance}</h1><p>${t.intro}</p></div>${account ? signOut : ""}</header>
<main>${content}</main>
<footer>registrations ${site.version}${account ? ` · ${site.textMessages ? t.textsOn : t.textsOff}` : ""}</footer>
</body></html>\n`.text;
}

/** @param {Site} site @param {{wrong?: boolean}} [state] */
export function loginPage(site, { wrong = false } = {}) {
  const { t } = site;
  return layout(site, html`<section class="narrow"><h2>${t.signIn}</h2>
    ${wrong ? html`<p class="error" role="alert">${t.wrongLogin}</p>` : ""}
    <form method="post" action="/login">
    <label>${t.email}<input name="email" type="email" autocomplete="username" required></label>
    <label>${t.password}<input name="password" type="password" autocomplete="current-password" required></label>
    <button>${t.signIn}</button></form></section>`, null);
}

/** @typedef {{label: string, type?: string, hint?: string, max?: number, optional?: boolean}} Input */

/** A field with its label, its hint and what is wrong with it, tied together for screen readers.
 * @param {string} name @param {Input} input @param {any} values @param {any} wrong */
function field(name, { label, type = "text", hint, max, optional = false }, values, wrong) {
  const about = [hint ? `${name}-hint` : "", wrong[name] ? `${name}-error` : ""].join(" ").trim();
  const limit = max && (type === "number" ? html`min="1" max="${max}"` : html`maxlength="${max}"`);
  return html`<div class="field"><label for="${name}">${label}</label>
    ${hint ? html`<small id="${name}-hint">${hint}</small>` : ""}
    ${wrong[name] ? html`<small class="error" id="${name}-error">${wrong[name]}</small>` : ""}
    <input id="${name}" name="${name}" type="${type}" value="${values[name]}" ${limit} ${optional ? "" : "required"}
      ${about ? html`aria-describedby="${about}"` : ""} ${wrong[name] ? html`aria-invalid="true"` : ""}></div>`;
}

/** @param {Site} site @param {any} values @param {any} wrong */
function form({ t }, values, wrong) {
  /** @type {[string, Input][]} */
  const inputs = [
    ["name", { label: t.name, max: 120 }],
    ["phone", { label: t.phone, type: "tel", hint: t.phoneHint, max: 30 }],
    ["household_size", { label: t.household, type: "number", max: 50 }],
    ["language", { label: t.language, max: 12 }],
    ["note", { label: t.note, max: 500, optional: true }],
  ];
  return html`<section><h2>${t.add}</h2><form method="post" action="/registrations">
    ${inputs.map(([name, input]) => field(name, input, values, wrong))}
    <button>${t.save}</button></form></section>`;
}

/** @param {Site} site @param {any} row */
function tableRow({ lang, t }, row) {
  const path = `/registrations/${row.id}/attachment`;
  const when = new Intl.DateTimeFormat(lang, { dateStyle: "short", timeStyle: "short", timeZone: "UTC" });
  return html`<tr><th scope="row">${row.name}</th><td>${row.phone}</td><td>${row.household_size}</td>
    <td><time datetime="${row.created.toISOString()}">${when.format(row.created)} UTC</time></td>
    <td>${row.attachment ? html`<a href="${path}">${row.attachment}</a>` : ""}
    <form method="post" action="${path}" enctype="multipart/form-data" class="inline">
    <input type="file" name="file" required aria-label="${t.file} ${row.name}"
      accept="application/pdf,image/jpeg,image/png,text/plain">
    <button class="quiet">${t.upload}</button></form></td></tr>`;
}

/** @param {Site} site @param {{account: string, registrations: any[], total: number, language: string,
 *    values?: any, wrong?: any, saved?: boolean}} state */
export function homePage(site, { account, registrations, total, language, values = {}, wrong = {}, saved = false }) {
  const { t } = site;
  const table = html`<p><small>${registrations.length} ${t.of} ${total} · ${t.fileHint}</small></p>
    <div class="scroll" tabindex="0" role="region" aria-label="${t.recent}"><table><thead><tr><th scope="col">${t.name}</th><th scope="col">${t.phone}</th>
    <th scope="col">${t.size}</th><th scope="col">${t.when}</th><th scope="col">${t.attachment}</th></tr></thead>
    <tbody>${registrations.map((row) => tableRow(site, row))}</tbody></table></div>`;
  return layout(site, [
    saved ? html`<p class="saved" role="status">${t.saved}</p>` : html``,
    form(site, { language, ...values }, wrong),
    html`<section><h2>${t.recent}</h2>${registrations.length > 0 ? table : html`<p>${t.none}</p>`}</section>`,
  ], account);
}

/** @param {Site} site @param {string} message */
export function errorPage(site, message) {
  return layout(site, html`<section class="narrow"><h2>${site.t.problem}</h2>
    <p class="error" role="alert">${message}</p><p><a href="/">${site.t.back}</a></p></section>`, null);
}
