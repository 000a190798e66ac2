/** Two commands of Redis, over TLS, by its own protocol. */

import { connect } from "node:tls";

/** @param {string[]} command @returns {Promise<string>} what the server answers, without its first sign */
export function ask(command) {
  const password = process.env.CACHE_PASSWORD;
  const host = process.env.CACHE_HOST;
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port: Number(process.env.CACHE_PORT), servername: host });
    let told = "";
    socket.setTimeout(5000, () => socket.destroy(new Error("the cache does not answer")));
    socket.on("error", reject);
    socket.on("data", (data) => {
      told += data;
      const [signedIn, ...rest] = told.split("\r\n");
      if (!signedIn.startsWith("+OK")) socket.destroy(new Error(signedIn));
      else if (rest.length > (rest[0]?.startsWith("$") && rest[0] !== "$-1" ? 2 : 1)) {
        socket.end();
        resolve(rest[0].startsWith("$") ? rest[1] : rest[0].slice(1));
      }
    });
    for (const words of [["AUTH", password], command]) {
      const sent = words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join("");
      socket.write(`*${words.length}\r\n${sent}`);
    }
  });
}
