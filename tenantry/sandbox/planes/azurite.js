// Starts Azurite's blob service alone: node azurite.js FOLDER_OF_ITS_BLOB_SERVICE PORT FOLDER_FOR_DATA
//
// Its own program also loads clients of SQL servers and of Application Insights, which is half of the
// time that a start takes. Its telemetry is not switched off here: it is never loaded.
"use strict";

const path = require("node:path");

const [program, port, folder] = process.argv.slice(2);
const inside = (name) => require.resolve(path.join(program, name));
const telemetry = inside("../common/Telemetry.js");
const silent = new Proxy(() => undefined, { get: () => () => undefined });
require.cache[telemetry] = {
  id: telemetry,
  filename: telemetry,
  loaded: true,
  exports: { AzuriteTelemetryClient: silent },
};

const { default: Server } = require(inside("BlobServer.js"));
const { default: Configuration } = require(inside("BlobConfiguration.js"));

const KEEP_ALIVE_SECONDS = 5;
const WRITERS = 50;
const at = (name) => path.join(folder, name);
const places = [{ locationId: "Default", locationPath: at("__blobstorage__"), maxConcurrency: WRITERS }];
const noLog = [false, undefined, false, undefined]; // of accesses, of debugging
const strict = false; // unknown headers are refused
const everyVersion = true; // of the service's API
const server = new Server(
  new Configuration(
    "127.0.0.1",
    Number(port),
    KEEP_ALIVE_SECONDS,
    at("__azurite_db_blob__.json"),
    at("__azurite_db_blob_extent__.json"),
    places,
    ...noLog,
    strict,
    everyVersion,
  ),
);

process.once("SIGTERM", () => server.close().then(() => process.exit(0)));
server.start().catch((error) => {
  console.error(error.message);
  process.exit(1);
});
