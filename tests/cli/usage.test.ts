/**
 * Every mistake in a command line: one line on stderr, nothing on stdout, a non-zero exit status,
 * and nothing begun. And the help that the line points to.
 */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { dispatch } from "../../hal/host/cli/dispatch.ts";
import { assertMistake, type Finished, linger, temporaryFolder } from "./linger.ts";

const COMMANDS = ["serve", "connect", "ping", "run", "trace", "demo"];
/** A wire that cannot be opened: whoever tries to, fails differently. */
const WIRE = ["--wire", "stream:127.0.0.1:1"];
const IP = ["--ip", "10.9.0.2/24"];

/** Wrong usage: the arguments, and what the line says. All exit with 2. */
const WRONG: [string[], RegExp][] = [
  [[], /which command/],
  [["frobnicate"], /"frobnicate" is no command/],
  [["help", "frobnicate"], /"frobnicate" is no command/],
  [["frob\nnicate\u0007"], /^linger: "frob\\x0anicate\\x07" is no command/],
  [["serve"], /name of a server is missing/],
  [["serve", "gopher", ...WIRE, ...IP], /"gopher" is none of the servers echo, discard/],
  [["serve", "constructor", ...WIRE, ...IP], /"constructor" is none of the servers/],
  [["serve", "echo", "http", ...WIRE, ...IP], /"http" is too much/],
  [["serve", "echo", ...IP], /--wire is missing/],
  [["serve", "echo", ...WIRE], /--ip is missing/],
  [["serve", "echo", "--wire"], /argument missing/],
  [["serve", "echo", ...WIRE, ...IP, "--frob"], /unknown option '--frob'/],
  [["serve", "echo", ...WIRE, ...IP, "--port", "0"], /--port must be a number from 1 to 65535/],
  [["serve", "echo", ...WIRE, ...IP, "--port", "65536"], /--port must be/],
  [["serve", "echo", ...WIRE, ...IP, "--port", "1e3"], /--port must be .* not "1e3"/],
  [["serve", "echo", ...WIRE, "--ip", "10.9.0.2/31"], /--ip must be/],
  [["serve", "echo", ...WIRE, "--ip", "10.9.0.2/24/8"], /--ip must be/],
  [["serve", "echo", ...WIRE, "--ip", "10.9.0.256"], /--ip must be/],
  [["serve", "echo", ...WIRE, "--ip", "localhost"], /--ip must be/],
  [["serve", "echo", ...WIRE, ...IP, "--gateway", "router"], /--gateway must be/],
  [["serve", "echo", ...WIRE, ...IP, "--mac", "02:00:00:00:00"], /--mac must be/],
  [["serve", "echo", ...WIRE, ...IP, "--mac", "01:00:00:00:00:01"], /--mac must be/],
  [["serve", "echo", ...WIRE, ...IP, "--mac", "00:00:00:00:00:00"], /--mac must be/],
  [["serve", "echo", ...WIRE, ...IP, "--msl", "99"], /--msl must be/],
  [["serve", "echo", ...WIRE, ...IP, "--profile", "huge"], /--profile must be/],
  [["serve", "echo", ...WIRE, ...IP, "--pcap", ""], /--pcap needs a file name/],
  [["serve", "echo", ...WIRE, ...IP, "--impair", "loss"], /--impair "loss" is not understood/],
  [["serve", "echo", ...WIRE, ...IP, "--impair", "loss=2"], /is not understood/],
  [["serve", "echo", ...WIRE, ...IP, "--impair", "magic=1"], /is not understood/],
  [["serve", "echo", ...IP, "--wire", "carrier-pigeon"], /"carrier-pigeon" is none of tap:/],
  [["serve", "echo", ...IP, "--wire", "tap:"], /tap:NAME needs a device name/],
  [["serve", "echo", ...IP, "--wire", "tap:sixteen-letters!"], /1 to 15 characters/],
  [["serve", "echo", ...IP, "--wire", "stream:unix:"], /needs a path/],
  [["serve", "echo", ...IP, "--wire", "stream:host"], /"host" is not HOST:PORT/],
  [["serve", "echo", ...IP, "--wire", "stream:host:http"], /PORT must be a number/],
  [["serve", "echo", ...IP, "--wire", "stream-listen:"], /"" is not HOST:PORT/],
  [["serve", "echo", ...IP, "--wire", "udp:7000"], /LOCALPORT:HOST:PORT/],
  [["serve", "echo", ...IP, "--wire", "udp:x:127.0.0.1:1"], /LOCALPORT must be a number/],
  [["connect", "10.9.0.1", ...WIRE, ...IP], /PORT is missing/],
  [["connect", "example.com", "80", ...WIRE, ...IP], /HOST must be an IPv4 address/],
  [["connect", "10.9.0.1", "http", ...WIRE, ...IP], /PORT must be a number/],
  [["connect", "10.9.0.1", "80", ...WIRE, ...IP, "--timeout", "999"], /--timeout must be/],
  [["ping", ...WIRE, ...IP], /HOST is missing/],
  [["ping", "10.9.0.1", ...WIRE, ...IP, "--count", "0"], /--count must be/],
  [["ping", "10.9.0.1", ...WIRE, ...IP, "--size", "1473"], /--size must be .* 0 to 1472/],
  [["run", ...WIRE, ...IP], /FILE.wasm is missing/],
  [["trace"], /FILE.pcap is missing/],
  [["trace", "a.pcap", "b.pcap"], /"b.pcap" is too much/],
  [["trace", "a.pcap", "--columns", "79"], /--columns must be/],
  [["trace", "a.pcap", "--two-msl", "-1"], /--two-msl/],
  [["demo", "now"], /"now" is too much/],
  [["demo", "--peer", "windows"], /--peer must be kernel or linger/],
  [["demo", "--scenario", "sleep"], /there is no scenario "sleep"/],
  [["demo", "--msl", "0"], /--msl must be/],
];

/** Runs a command line in this process. */
async function inProcess(t: TestContext, args: string[]): Promise<Finished> {
  const finished: Finished = { code: null, stdout: "", stderr: "" };
  t.mock.method(console, "log", (line = "") => void (finished.stdout += `${line}\n`));
  t.mock.method(console, "error", (line = "") => void (finished.stderr += `${line}\n`));
  try {
    finished.code = await dispatch(args);
  } finally {
    t.mock.restoreAll();
  }
  return finished;
}

describe("wrong usage", () => {
  for (const [args, pattern] of WRONG) {
    it(`linger ${args.join(" ")}`, async (t) => {
      const finished = await inProcess(t, args);
      assertMistake(finished, 2, pattern);
      assert.match(finished.stderr, /\(see linger help/);
    });
  }

  it("is the exit status of the process as well", async (t) => {
    assertMistake(await linger(t, ["serve", "gopher"]), 2, /"gopher" is none of the servers/);
  });
});

describe("what cannot be opened", { concurrency: 2 }, () => {
  it("a stream that nobody listens at", async (t) => {
    assertMistake(await linger(t, ["serve", "echo", ...WIRE, ...IP]), 1, /nobody listens at/);
  });

  it("a capture in a folder that does not exist, before the wire is touched", async (t) => {
    const args = ["serve", "echo", ...WIRE, ...IP, "--pcap", "/nonexistent/x.pcap"];
    assertMistake(await linger(t, args), 1, /cannot write the capture/);
  });

  it("a capture that is a folder", async (t) => {
    const args = ["ping", "10.9.0.1", ...WIRE, ...IP, "--pcap", temporaryFolder(t)];
    assertMistake(await linger(t, args), 1, /it is a directory/);
  });

  it("a wire that fails leaves no capture behind", async (t) => {
    const pcap = join(temporaryFolder(t), "x.pcap");
    await linger(t, ["serve", "echo", ...WIRE, ...IP, "--pcap", pcap]);
    assert.equal(existsSync(pcap), false);
  });

  it("a module that does not exist, or is none", async (t) => {
    const folder = temporaryFolder(t);
    const text = join(folder, "text.wasm");
    writeFileSync(text, "not a module");
    const missing = join(folder, "missing.wasm");
    assertMistake(await linger(t, ["run", missing, ...WIRE, ...IP]), 1, /there is no file/);
    assertMistake(await linger(t, ["run", text, ...WIRE, ...IP]), 1, /text\.wasm/);
  });

  it("a module of the stack without an application", async (t) => {
    const module = new URL("../../dist/wasm/linger-tiny.wasm", import.meta.url).pathname;
    assertMistake(await linger(t, ["run", module, ...WIRE, ...IP]), 1, /no application/);
  });

  it("a folder for the demonstration that cannot be made", async (t) => {
    const file = join(temporaryFolder(t), "file");
    writeFileSync(file, "");
    const args = ["demo", "--peer", "linger", "--out", join(file, "out")];
    assertMistake(await linger(t, args), 1, /cannot make the directory/);
  });
});

describe("help", () => {
  it("names every command", async (t) => {
    const { code, stdout, stderr } = await inProcess(t, ["help"]);
    assert.deepEqual([code, stderr], [0, ""]);
    for (const name of COMMANDS) assert.match(stdout, new RegExp(`^  ${name} +\\w`, "m"));
  });

  for (const name of COMMANDS) {
    it(`explains ${name}, asked in either way, in lines that fit`, async (t) => {
      const [byHelp, byOption] = [
        await inProcess(t, ["help", name]),
        await inProcess(t, [name, "--help"]),
      ];
      assert.deepEqual([byHelp.code, byHelp.stderr], [0, ""]);
      assert.match(byHelp.stdout, new RegExp(`^linger ${name}`));
      assert.ok(byHelp.stdout.split("\n").every((line) => line.length <= 100));
      assert.deepEqual(byOption, byHelp);
    });
  }

  it("tells the version of the package", async (t) => {
    const { code, stdout } = await linger(t, ["--version"]);
    assert.deepEqual([code, /^[0-9]+\.[0-9]+\.[0-9]+\n$/.test(stdout)], [0, true]);
  });

  it("lists the demonstration's scenarios without playing them", async (t) => {
    const folder = temporaryFolder(t);
    const out = join(folder, "out");
    const { code, stdout } = await inProcess(t, ["demo", "--list", "--out", out]);
    assert.equal(code, 0);
    assert.match(stdout, /^close-simultaneous +Simultaneous close$/m);
    mkdirSync(join(folder, "seen"));
    assert.deepEqual(readdirSync(folder), ["seen"]);
  });
});
