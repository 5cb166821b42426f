/**
 * The linter, the type checker and the formatter have nothing to say: `npm run lint`, as a test.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

test("npm run lint finds nothing", () => {
  const cwd = fileURLToPath(new URL("../..", import.meta.url));
  const options = { cwd, encoding: "utf8" } as const;
  const { status, stdout, stderr } = spawnSync("npm", ["run", "--silent", "lint"], options);
  assert.equal(status, 0, `${stdout}${stderr}`);
});
