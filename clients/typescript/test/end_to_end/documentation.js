/** Documentation: runs the examples that are given as files, one after the other. */

import { pathToFileURL } from "node:url";

for (const file of process.argv.slice(2)) {
  await import(pathToFileURL(file).href);
  console.log(`ran ${file}`);
}
// An example may have left a server behind.
process.exit(0);
