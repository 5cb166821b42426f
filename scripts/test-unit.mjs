/**
 * `npm run test:unit`: the unit tests in AssemblyScript, by as-pect.
 *
 *     npm run test:unit                 all of them
 *     npm run test:unit -- checksum     those whose file name contains a word
 *
 * as-pect alone cannot be trusted with a verdict: it exits with 0 when its process is ended, when
 * it finds no test, and when a trap takes the rest of a group away. So this asks for the summary,
 * and for as many tests as the files contain.
 */

import { spawnSync } from "node:child_process";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const FOLDER = "tests/unit";
const ASPECT = "node_modules/@as-pect/cli/bin/asp.js";

function fail(message) {
  console.error(`test:unit: ${message}`);
  process.exit(1);
}

const words = process.argv.slice(2);
const specs = readdirSync(join(ROOT, FOLDER))
  .filter((name) => name.endsWith(".spec.ts") && words.every((word) => name.includes(word)))
  .map((name) => `${FOLDER}/${name}`);
if (specs.length === 0)
  fail(`no file of ${FOLDER} has ${words.join(" and ") || ".spec.ts"} in its name`);
const wanted = specs
  .map((path) => readFileSync(join(ROOT, path), "utf8").match(/^\s*test\(/gm)?.length ?? 0)
  .reduce((a, b) => a + b, 0);

const { status, signal, stdout, stderr, error } = spawnSync(
  process.execPath,
  [
    ...[ASPECT, "--no-logo", "--config", `${FOLDER}/as-pect.config.js`],
    ...["--as-config", `${FOLDER}/as-pect.asconfig.json`, ...specs],
  ],
  { cwd: ROOT, encoding: "utf8", maxBuffer: 1 << 26 },
);
if (error) fail(error.message);
// eslint-disable-next-line no-control-regex -- colours, which as-pect prints even into a file
const output = `${stdout}${stderr}`.replace(/\x1b\[[0-9;]*m/g, "");
console.log(output.replace(/^.*(___|\/_).*\n/gm, "").trim());
if (status !== 0) fail(`as-pect ended with ${signal ?? `status ${status}`}`);
if (!output.includes("[Result]: ✔ Pass!")) fail("as-pect did not say that all passed");
const ran = Number(/\[Tests\]: (\d+) \/ \d+/.exec(output)?.[1] ?? 0);
if (ran < wanted) fail(`the files hold ${wanted} tests, but only ${ran} ran`);
