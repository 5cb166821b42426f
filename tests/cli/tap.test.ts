/**
 * `--wire tap:NAME`: missing rights and wrong names in one line; and in a network namespace, the
 * kernel's own programs against `linger serve`, and `linger ping` against the kernel.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { describe, it } from "node:test";
import { findNamespace } from "../../hal/host/cli/demo/namespace.ts";
import { inNamespace } from "./in-namespace.ts";
import { assertMistake, linger, LINGER, ROOT } from "./linger.ts";

const IP = ["--ip", "10.9.0.2/24"];
/** Owned by nobody in particular; may open nothing. */
const NOBODY = 65_534;

const isRoot = process.getuid?.() === 0;
const possibility = findNamespace();
const skip = "reason" in possibility ? possibility.reason : false;
const skipCurl = spawnSync("curl", ["--version"]).error === undefined ? skip : "curl is missing";

/** As root there is no missing right, unless it is given up; the sources must stay readable. */
const uid = isRoot ? { uid: NOBODY } : {};
const readable = spawnSync("test", ["-r", LINGER[2]!], uid).status === 0;
const skipRight = readable ? false : `${ROOT} cannot be read by the user nobody`;

describe("a TAP that cannot be opened", () => {
  it("names the missing right", { skip: skipRight }, async (t) => {
    const args = ["serve", "echo", "--wire", "tap:linger-none", ...IP];
    const finished = await linger(t, args, uid);
    const reason = process.platform === "linux" ? /\/dev\/net\/tun|tap|TAP/ : /Linux only/;
    assertMistake(finished, 1, reason);
  });

  it("refuses names that no interface may have", async (t) => {
    for (const name of ["..", "a%d"]) {
      const args = ["ping", "10.9.0.1", "--wire", `tap:${name}`, ...IP];
      assertMistake(await linger(t, args), 1, /is not a valid name/);
    }
  });
});

/** Starts a server in the background and waits for its first line. */
const SERVE = (name: string): string => `
  coproc eval "exec $LINGER serve ${name} --wire tap:tap0 --ip 10.9.0.2/24"
  read -r line <&"\${COPROC[0]}"; echo "$line"`;

describe("a TAP in a namespace", () => {
  it("serves curl", { skip: skipCurl }, async (t) => {
    const { code, output } = await inNamespace(
      t,
      `${SERVE("http")}
      curl -q --noproxy '*' -sS -m 20 http://10.9.0.2/ http://10.9.0.2/status.json || exit 1
      curl -q --noproxy '*' -sS -m 20 -I http://10.9.0.2/ || exit 1
      kill -INT "$COPROC_PID"; wait "$COPROC_PID"; echo "server: $?"`,
    );
    assert.equal(code, 0, output);
    assert.match(output, /^serving http on 10\.9\.0\.2:80 /);
    assert.match(output, /<h1>Linger<\/h1>[^]*"FRAMES_IN"[^]*HTTP\/1\.1 200 OK/);
    assert.match(output, /server: 0\n$/);
  });

  it("lets linger ping the kernel", { skip }, async (t) => {
    // On a busy machine the first reply has taken longer than a second, which is the default.
    const times = "--count 2 --interval 1 --timeout 10000";
    const args = `ping 10.9.0.1 --wire tap:tap0 --ip 10.9.0.2/24 ${times}`;
    const { code, output } = await inNamespace(t, `eval "$LINGER ${args}"`);
    assert.equal(code, 0, output);
    assert.match(output, /2 sent, 2 answered, 0% lost/);
  });

  it("is held by one program at a time", { skip }, async (t) => {
    const { code, output } = await inNamespace(
      t,
      `${SERVE("echo")}
      eval "$LINGER serve echo --wire tap:tap0 --ip 10.9.0.3/24"; echo "second: $?"`,
    );
    assert.match(output, /\nlinger serve: [^\n]+\nsecond: 1\n$/);
    assert.equal(code, 0);
  });

  it("that is taken away ends the command with one line", { skip }, async (t) => {
    const { output } = await inNamespace(
      t,
      `${SERVE("echo")}
      ip link delete tap0; wait "$COPROC_PID"; echo "server: $?"`,
    );
    assert.match(output, /linger serve: [^\n]+\n/);
    assert.match(output, /server: 1\n$/);
  });
});
