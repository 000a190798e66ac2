/**
 * Make the administrator's account, or give it the password of ADMIN_PASSWORD when
 * that has changed. Run again, it changes nothing.
 */

import { asOwner } from "./lib/database.js";
import { hashPassword, passwordMatches } from "./lib/passwords.js";
import { runTask } from "./lib/task.js";
import { administratorSettings, databaseSettings } from "./lib/settings.js";

/** @param {import("pg").Client} client */
async function bootstrap(client) {
  const { email, password } = administratorSettings(process.env);
  const { rows } = await client.query(
    "select password_hash from registrations.account where email = $1", [email]);
  if (rows.length > 0 && await passwordMatches(password, rows[0].password_hash)) {
    console.log("the administrator's account is there");
    return;
  }
  await client.query(
    `insert into registrations.account (email, password_hash) values ($1, $2)
     on conflict (email) do update set password_hash = excluded.password_hash, updated = now()`,
    [email, await hashPassword(password)]);
  console.log(rows.length > 0 ? "the administrator's password is set" : "the administrator's account is made");
}

await runTask(() => asOwner(databaseSettings(process.env), bootstrap));
