/** Dist: what is checked in is built from the sources beside it. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { VERSION } from "../dist/index.js";
import { builtFrom, digest } from "../sources.js";

test("dist is built from these sources: `npm ci && npm run build` builds it anew", () => {
  assert.equal(builtFrom(), digest());
});

test("the version is that of the package", () => {
  const file = new URL("../package.json", import.meta.url);
  assert.equal(JSON.parse(readFileSync(file, "utf8")).version, VERSION);
});

test("the sources import nothing of one runtime, and nothing from elsewhere", () => {
  const file = new URL("../package.json", import.meta.url);
  assert.equal(JSON.parse(readFileSync(file, "utf8")).dependencies, undefined);
  const index = readFileSync(new URL("../dist/index.js", import.meta.url), "utf8");
  const imported = [...index.matchAll(/from "([^"]+)"/g)].map(([, path]) => path);
  assert.ok(imported.length > 3 && imported.every((path) => path?.startsWith("./")));
});
