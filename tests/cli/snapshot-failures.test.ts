/**
 * `linger serve --snapshot` and `linger run --snapshot` where something fails: a server whose
 * snapshot cannot be saved goes on serving, and one whose wire goes away is put to sleep.
 */
import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdirSync, readdirSync, rmdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { findNamespace } from "../../hal/host/cli/demo/namespace.ts";
import { inNamespace } from "./in-namespace.ts";
import {
  assertMistake,
  linger,
  openFarStack,
  receive,
  Running,
  temporaryFolder,
} from "./linger.ts";

const SERVER = "10.9.0.2";
const MUCH = 200_000;

const possibility = findNamespace();
const skip = "reason" in possibility ? possibility.reason : false;

/** An echo server at one end of a wire, a stack at the other, and where it is to sleep. */
async function sleeper(t: TestContext) {
  const { stack, wire } = await openFarStack(t);
  const file = join(temporaryFolder(t), "asleep");
  const args = ["serve", "echo", "--wire", wire, "--ip", SERVER];
  args.push("--snapshot", file, "--quiet");
  const start = async () => {
    const running = new Running(t, args);
    await running.prints(/^serving /m);
    return running;
  };
  return { stack, file, start };
}

const GOES_ON =
  /^linger serve: cannot write the snapshot .*: EISDIR.*: it goes on; the next signal [^\n]+\n$/;

describe("a snapshot that cannot be saved", () => {
  it("is said, the server goes on, and the next signal tries again", async (t) => {
    const { stack, file, start } = await sleeper(t);
    let server = await start();
    const connection = stack.connect(SERVER, 7);
    const text = Buffer.from(Array.from({ length: MUCH }, (_, i) => (i * 31 + (i >> 8)) & 0xff));
    const sent = connection.writeAll(text);
    const parts = [await receive(connection, 50_000)];
    mkdirSync(`${file}.new`); // which nothing can be written into, whatever the rights
    server.child.kill("SIGTERM");
    await server.prints(/it goes on/);
    assert.match(server.stderr, GOES_ON);
    parts.push(await receive(connection, 50_000));
    const next = stack.connect(SERVER, 7);
    await next.writeAll("next");
    assert.equal(String(await receive(next, 4)), "next");
    assert.ok(!existsSync(file));
    rmdirSync(`${file}.new`);
    server.child.kill("SIGINT");
    const { code, stdout, stderr } = await server.finished;
    assert.equal(code, 0);
    assert.match(stdout, /\nconnections put to sleep in .*asleep: 2\n$/);
    assert.match(stderr, GOES_ON);
    server = await start();
    parts.push(await receive(connection, MUCH - 100_000));
    assert.ok(Buffer.concat(parts).equals(text));
    await sent;
  });

  it("fails again: the connections are reset, and nothing is left", async (t) => {
    const { stack, file, start } = await sleeper(t);
    const server = await start();
    const connection = stack.connect(SERVER, 7);
    await connection.writeAll("text");
    await receive(connection, 4);
    mkdirSync(`${file}.new`);
    server.child.kill("SIGTERM");
    await server.prints(/it goes on/);
    server.child.kill("SIGTERM");
    const { code, stdout, stderr } = await server.finished;
    assert.equal(code, 1);
    assert.match(stdout, /^serving [^\n]+\n$/);
    const [first = "", second = "", ...rest] = stderr.split("\n");
    assert.match(`${first}\n`, GOES_ON);
    assert.match(second, /^linger serve: cannot write the snapshot .*asleep: EISDIR: [^:]*$/);
    assert.deepEqual(rest, [""]);
    assert.equal(await connection.ended, "RESET");
    assert.deepEqual(readdirSync(dirname(file)), ["asleep.new"]);
  });

  it("is found out before anything begins, where it can be", async (t) => {
    const folder = temporaryFolder(t);
    const refused = async (file: string, pattern: RegExp): Promise<void> => {
      const args = ["serve", "echo", "--wire", "tap:tap0", "--ip", SERVER, "--snapshot", file];
      assertMistake(await linger(t, args), 1, pattern);
    };
    await refused("/dev/full", /cannot write the snapshot \/dev\/full: it is no ordinary file/);
    await refused(join(folder, "a".repeat(252)), /cannot write the snapshot .*ENAMETOOLONG/);
    if (process.getuid?.() === 0) return; // may write everywhere
    writeFileSync(join(folder, "asleep"), "");
    chmodSync(folder, 0o500);
    await refused(join(folder, "asleep"), /cannot write the snapshot .*EACCES/);
  });
});

/** Starts the server in the background, what it says on stderr in a file. */
const SERVE = `
  coproc eval "exec $LINGER serve echo --wire tap:tap0 --ip 10.9.0.2/24 --mac 02:00:00:00:00:02 \
    --snapshot $bed/asleep 2>$folder/said"
  server=$COPROC_PID; read -r line <&"\${COPROC[0]}"; echo "$line"`;
const STOP = `kill -TERM "$server"; wait "$server"; echo "server: $?"`;
const CONVERSE = `
  head -c ${MUCH} /dev/urandom > $folder/sent
  exec 3<>/dev/tcp/10.9.0.2/7
  cat $folder/sent >&3 &
  head -c 50000 <&3 > $folder/came`;
const TO_THE_END = `
  timeout 30 head -c $((${MUCH} - $(stat -c %s $folder/came))) <&3 >> $folder/came
  cmp $folder/sent $folder/came && echo "the same"`;

describe("a server in a namespace, with a connection of the kernel", { skip }, () => {
  const serving = String.raw`serving echo on 10\.9\.0\.2:7 [^\n]+\n`;

  it("goes on while the disk is full, and is put to sleep when it is not any more", async (t) => {
    const folder = temporaryFolder(t);
    const { code, output } = await inNamespace(
      t,
      `folder='${folder}' bed=/mnt
      exec unshare --mount bash -c '
      folder=$0 bed=$1
      mount -t tmpfs -o size=1m none $bed
      ${SERVE} ${CONVERSE}
      cat /dev/zero > $bed/full 2>/dev/null
      kill -TERM "$server"
      until grep -q "goes on" $folder/said; do sleep 0.05; done
      sed "s/^.*: ENOSPC/ENOSPC/" $folder/said
      ls $bed
      head -c 50000 <&3 >> $folder/came
      rm $bed/full
      ${STOP}
      ls $bed
      ${SERVE} ${TO_THE_END}
      ${STOP}' "$folder" "$bed"`,
    );
    assert.equal(code, 0, output);
    const said = String.raw`ENOSPC: no space left on device, \w+: it goes on; [^\n]+\n`;
    const first = `${serving}${said}full\\nserver: 0\\nasleep\\n`;
    assert.match(output, new RegExp(`^${first}${serving}the same\\nserver: 0\\n$`), output);
  });

  it("is put to sleep when its TAP is removed, and goes on when there is one again", async (t) => {
    const folder = temporaryFolder(t);
    const { code, output } = await inNamespace(
      t,
      `folder='${folder}' bed='${folder}'
      ${SERVE} ${CONVERSE}
      ip link del tap0; wait "$server"; echo "server: $?"; cat $folder/said
      ip tuntap add dev tap0 mode tap; ip addr add 10.9.0.1/24 dev tap0; ip link set tap0 up
      ${SERVE} ${TO_THE_END}
      mkdir $folder/asleep.new
      ip link del tap0; wait "$server"; echo "server: $?"; cat $folder/said`,
    );
    assert.equal(code, 0, output);
    const gone = "linger serve: the TAP interface tap0 was removed: ";
    const slept = `${gone}connections put to sleep in [^\\n]+/asleep: 1\\n`;
    const failed = `${gone}cannot write the snapshot [^\\n]+/asleep: EISDIR[^\\n]+\\n`;
    const expected = `^${serving}server: 1\\n${slept}${serving}the same\\nserver: 1\\n${failed}$`;
    assert.match(output, new RegExp(expected), output);
  });
});
