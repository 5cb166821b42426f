/** curl against Linger's HTTP server: one connection for several requests, and several at once. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { startHttp } from "../../../hal/host/apps/index.ts";
import { inNamespace, LINGER, Rig } from "./rig.ts";

const run = promisify(execFile);
const PAGE = `http://${LINGER}/`;

async function curl(...args: string[]): Promise<string> {
  const { stdout } = await run("curl", ["--silent", "--show-error", "--max-time", "20", ...args]);
  return stdout;
}

describe("curl", inNamespace, () => {
  let rig: Rig;
  let app: ReturnType<typeof startHttp>;
  before(async () => {
    rig = await Rig.open();
    app = startHttp(rig.stack);
  });
  after(async () => {
    await app.close();
    await rig.close();
  });

  test("gets a page", async () => {
    assert.match(await curl(PAGE), /<html/i);
  });

  test("keeps one connection for five requests", async () => {
    const before = app.acceptedCount;
    const one = ["--output", "/dev/null", PAGE];
    const format = ["--write-out", "%{http_code} %{num_connects}\\n"];
    const output = await curl(...format, ...one, ...one, ...one, ...one, ...one);
    assert.deepEqual(output.trim().split("\n"), ["200 1", "200 0", "200 0", "200 0", "200 0"]);
    assert.equal(app.acceptedCount - before, 1);
  });

  test("is told to close, and sees the connection close", async () => {
    const output = await curl("--include", "--header", "Connection: close", PAGE);
    assert.match(output, /^HTTP\/1\.1 200 OK\r\n/);
    assert.match(output, /\r\nconnection: close\r\n/i);
  });

  test("asks twenty at once", async () => {
    const pages = await Promise.all(Array.from({ length: 20 }, () => curl(PAGE)));
    for (const page of pages) assert.match(page, /<\/html>\s*$/i);
  });
});
