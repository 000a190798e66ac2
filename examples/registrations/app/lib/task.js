/** How the one-off programs end: exit code 0, 78 for wrong settings, 1 for all else. */

import { SettingsError } from "./settings.js";

/**
 * What may be said of an error. A database error's text can quote a row or a
 * statement, so only its code is told; the errors of this program hold no data.
 *
 * @param {unknown} error
 */
export function describe(error) {
  if (!(error instanceof Error)) return "unknown error";
  const code = /** @type {{code?: unknown}} */ (error).code;
  return typeof code === "string" ? `${error.name} ${code}` : `${error.name}: ${error.message}`;
}

/** @param {() => Promise<void>} work */
export async function runTask(work) {
  try {
    await work();
  } catch (error) {
    console.error(`failed: ${describe(error)}`);
    process.exitCode = error instanceof SettingsError ? 78 : 1;
  }
}
