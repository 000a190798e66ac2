/**
 * Settings come from the environment alone; a mistake names every variable that is
 * wrong and never shows a value.
 */

export class SettingsError extends Error {}

/**
 * @typedef {{host: string, port: number, name: string, user: string, password: string,
 *   caFile: string}} DatabaseSettings
 * @typedef {{port: number, uploads: string, sessionSecret: string, instance: string,
 *   publicUrl: URL, namespace: string, language: string, textMessages: boolean}} WebSettings
 * @typedef {Record<string, string | undefined>} Environment
 */

/** @param {Environment} env @param {string[]} names @returns {string[]} */
function take(env, names) {
  const missing = names.filter((name) => !env[name]);
  if (missing.length > 0) throw new SettingsError(`not set: ${missing.join(", ")}`);
  return names.map((name) => /** @type {string} */ (env[name]));
}

/** @param {string} name @param {string} text */
function port(name, text) {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > 65535) {
    throw new SettingsError(`${name} is not a port number`);
  }
  return value;
}

/** @param {Environment} env @returns {DatabaseSettings} */
export function databaseSettings(env) {
  const [host, name, user] = take(env, ["DATABASE_HOST", "DATABASE_NAME", "DATABASE_USER"]);
  // A socket's folder needs neither a password nor a certificate; the network always does.
  if (!host.startsWith("/")) take(env, ["DATABASE_PASSWORD", "DATABASE_CA_FILE"]);
  return {
    host, name, user,
    port: port("DATABASE_PORT", env.DATABASE_PORT || "5432"),
    password: env.DATABASE_PASSWORD ?? "",
    caFile: env.DATABASE_CA_FILE ?? "",
  };
}

/** @param {Environment} env @returns {WebSettings} */
export function webSettings(env) {
  const [listen, uploads, sessionSecret, instance, publicUrl, namespace] = take(env, [
    "PORT", "UPLOADS_FOLDER", "SESSION_SECRET", "INSTANCE_NAME", "PUBLIC_URL", "NAMESPACE_UUID",
  ]);
  if (sessionSecret.length < 32) throw new SettingsError("SESSION_SECRET is shorter than 32 characters");
  if (!URL.canParse(publicUrl)) throw new SettingsError("PUBLIC_URL is not a URL");
  const language = env.DEFAULT_LANGUAGE || "en";
  if (!LANGUAGE.test(language)) throw new SettingsError("DEFAULT_LANGUAGE is not a language tag such as fr");
  return {
    port: port("PORT", listen), publicUrl: new URL(publicUrl), textMessages: Boolean(env.SMS_TOKEN),
    uploads, sessionSecret, instance, namespace, language,
  };
}

/** @param {Environment} env @returns {{email: string, password: string}} */
export function administratorSettings(env) {
  const [email, password] = take(env, ["ADMIN_EMAIL", "ADMIN_PASSWORD"]);
  if (!/^[^\s@]+@[^\s@]+$/.test(email)) throw new SettingsError("ADMIN_EMAIL is not an address");
  if (password.length < 20) throw new SettingsError("ADMIN_PASSWORD is shorter than 20 characters");
  return { email: email.toLowerCase(), password };
}

/** A language tag: "fr", "pt-BR". */
export const LANGUAGE = /^[a-z]{2,3}(-[A-Za-z0-9]{2,8})?$/;
