/** The client of Wakecall: books calls, lists what came of them, and verifies calls at a receiver. */
export { Client } from "./client.js";
export * from "./errors.js";
export { Payload } from "./payload.js";
export { VERSION } from "./version.js";
export * from "./webhook.js";
