/**
 * The TAP wire: names and missing prerequisites here; everything that needs an interface runs in a
 * network namespace of its own (`tap-namespace.ts`), which is gone when its process is.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { openTap } from "../../hal/host/wires/index.ts";

const library = new URL("../../hal/host/wires/index.ts", import.meta.url).href;
const namespaceTests = fileURLToPath(new URL("./tap-namespace.ts", import.meta.url));
const isRoot = process.getuid?.() === 0;
/** How many tests `tap-namespace.ts` holds, and how many of them need the real root. */
const NAMESPACE_TESTS = 10;
const ROOT_TESTS = 1;

/** A namespace with loopback up; as root, or as a user where user namespaces are allowed. */
function inNamespace(script: string, timeoutMs: number) {
  const own = isRoot ? [] : ["--user", "--map-root-user"];
  const flags = ["--net", "--pid", "--fork", "--kill-child", "--mount-proc"];
  const args = [...own, ...flags, "bash", "-c", `ip link set lo up && ${script}`];
  // Within a test runner Node would take the inner runner for a mistake, and run nothing.
  const { NODE_TEST_CONTEXT: _, ...inherited } = process.env;
  const env = { ...inherited, LINGER_TEST_ROOT: isRoot ? "1" : "0" };
  return spawnSync("unshare", args, { timeout: timeoutMs, encoding: "utf8", env });
}

/** Why no TAP can be made here, or undefined. */
function whyNoTap(): string | undefined {
  if (process.platform !== "linux") return "TAP needs Linux";
  const { status, stderr, error } = inNamespace("ip tuntap add dev probe mode tap", 20_000);
  if (status === 0) return undefined;
  return `no private namespace with a TAP (${error?.message ?? stderr.trim()}): run as root`;
}

describe("TAP wire, without an interface", () => {
  test("names that no interface can have are refused before anything is opened", async () => {
    const names = ["", "a-name-too-long-", "a/b", "a b", "tap%d", "..", "tap\n", "é"];
    for (const name of names) {
      await assert.rejects(openTap(name), { code: "TAP_NAME", message: /^TAP interface: "/ }, name);
    }
    await assert.rejects(openTap("sixteen-letters-"), { message: /longer than 15 characters$/ });
  });

  test("other systems than Linux are told to use another wire", async () => {
    const platform = Object.getOwnPropertyDescriptor(process, "platform")!;
    Object.defineProperty(process, "platform", { ...platform, value: "darwin" });
    try {
      await assert.rejects(openTap("tap0"), {
        code: "TAP_UNSUPPORTED",
        message: "TAP interfaces exist on Linux only, not on darwin: use another wire",
      });
    } finally {
      Object.defineProperty(process, "platform", platform);
    }
  });

  test("without koffi the message says what to install", (t) => {
    if (process.platform !== "linux") return t.skip("TAP needs Linux");
    // A resolver that finds everything but koffi.
    const hooks = `export async function resolve(name, context, next) {
      if (name !== "koffi") return next(name, context);
      throw Object.assign(new Error("hidden by the test"), { code: "ERR_MODULE_NOT_FOUND" });
    }`;
    const dataUrl = (code: string) => `data:text/javascript,${encodeURIComponent(code)}`;
    const hooksUrl = JSON.stringify(dataUrl(hooks));
    const register = `import { register } from "node:module"; register(${hooksUrl});`;
    const program = `import { openTap } from ${JSON.stringify(library)};
      await openTap("tap0").catch((error) => console.log(error.code, error.message));`;
    const loaders = ["--import", "tsx", "--import", dataUrl(register)];
    const args = [...loaders, "--input-type=module", "-e", program];
    const { stdout } = spawnSync(process.execPath, args, { encoding: "utf8", timeout: 30_000 });
    const line = 'TAP_UNSUPPORTED TAP needs the npm package koffi: run "npm install koffi"';
    assert.equal(stdout.trim(), line);
  });
});

test("TAP wire, in a network namespace", { timeout: 120_000 }, (t) => {
  const reason = whyNoTap();
  if (reason !== undefined) {
    if (process.env["CI"] === "true") assert.fail(reason);
    return t.skip(reason);
  }
  const node = `${process.execPath} --import tsx --test --test-reporter=tap`;
  const { status, stdout, stderr } = inNamespace(`exec ${node} ${namespaceTests}`, 110_000);
  assert.equal(status, 0, `${stdout}\n${stderr}`);
  const passed = Number(/^# pass (\d+)$/m.exec(stdout)?.[1]);
  assert.equal(passed, NAMESPACE_TESTS - (isRoot ? 0 : ROOT_TESTS), stdout);
});
