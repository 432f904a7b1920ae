/** Build: compiles `src` into `dist`, and records of which sources. */

import { execFileSync } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { digest, SOURCES_FILE } from "./sources.js";

const at = (/** @type {string} */ path) => fileURLToPath(new URL(path, import.meta.url));

rmSync(at("dist"), { recursive: true, force: true });
execFileSync(at("node_modules/.bin/tsc"), ["--project", at("tsconfig.json")], { stdio: "inherit" });
writeFileSync(at(SOURCES_FILE), `${digest()}\n`);
