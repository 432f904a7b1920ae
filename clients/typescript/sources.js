/** Sources: their digest, by which `dist` is known to be built from them. */

import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";

export const SOURCES_FILE = "dist/sources.sha256";

const HERE = new URL("./", import.meta.url);

/** The digest of all that `dist` is made from. */
export function digest() {
  const sources = readdirSync(new URL("src/", HERE)).sort().map((name) => `src/${name}`);
  const hash = createHash("sha256");
  for (const path of [...sources, "tsconfig.json"]) {
    hash.update(`${path}\0`).update(readFileSync(new URL(path, HERE))).update("\0");
  }
  return hash.digest("hex");
}

/** The digest of the sources that `dist` was built from. */
export function builtFrom() {
  return readFileSync(new URL(SOURCES_FILE, HERE), "utf8").trim();
}
