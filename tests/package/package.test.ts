/**
 * The package as a stranger gets it: packed, installed in an empty folder, its command run, its
 * library used and type-checked, its examples compiled and run.
 *
 * Needs npm, whose cache or registry gives the package's dependencies. Takes what is built already.
 */
import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const NPM = ["--no-audit", "--no-fund", "--prefer-offline", "--loglevel", "error"];
const { version, devDependencies } = readManifest();

function readManifest() {
  return JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as {
    version: string;
    devDependencies: Record<string, string>;
  };
}

/** What the library is for, in a few lines: two stacks on a wire, one greets the other. */
const PROGRAM = `
import { createMemoryPair, RealClock, Stack } from "linger-tcp";

const clock = new RealClock();
const [left, right] = createMemoryPair({ clock });
const server = Stack.create({ wire: left, address: "10.9.0.1/24", clock, profile: "default" });
const client = Stack.create({ wire: right, address: "10.9.0.2/24", clock, profile: "tiny" });
server.listen(7).on("connection", async (connection) => {
  await connection.writeAll("good day, " + connection.remoteHost);
  connection.closeWrite();
});
const connection = client.connect("10.9.0.1", 7);
const octets: Uint8Array = await connection.receiveAll();
connection.closeWrite();
console.log(Buffer.from(octets).toString(), await connection.ended);
client.close();
server.close();
`;

const TSCONFIG = {
  compilerOptions: {
    ...{ strict: true, target: "ES2022", module: "NodeNext", skipLibCheck: false, types: ["node"] },
    typeRoots: [join(ROOT, "node_modules/@types")],
    outDir: "out",
  },
  files: ["program.ts"],
};

describe("the package, packed and installed", () => {
  const folder = mkdtempSync(join(tmpdir(), "linger-package-"));
  const linger = join(folder, "node_modules/.bin/linger");
  const children: ChildProcess[] = [];
  let packed: string[] = [];

  before(() => {
    const pack = ["pack", "--json", "--ignore-scripts", "--pack-destination", folder];
    const [report] = JSON.parse(
      execFileSync("npm", pack, { cwd: ROOT, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] }),
    ) as [{ filename: string; files: { path: string }[] }];
    packed = report.files.map(({ path }) => path);
    writeFileSync(join(folder, "package.json"), '{ "private": true, "type": "module" }\n');
    const compiler = `assemblyscript@${devDependencies["assemblyscript"]}`;
    execFileSync("npm", ["install", ...NPM, `./${report.filename}`, compiler], { cwd: folder });
  });
  after(() => {
    for (const child of children) child.kill("SIGKILL");
    rmSync(folder, { recursive: true });
  });

  function run(program: string, args: string[], input = "") {
    return spawnSync(program, args, { cwd: folder, encoding: "utf8", input });
  }

  test("holds what it should, and nothing that is not built from a source", () => {
    for (const path of ["README.md", "LICENSE", "CHANGELOG.md", "hal/README.md"]) {
      assert.ok(packed.includes(path), path);
    }
    // All that firmware is built from, and the header that the build makes.
    const tracked = execFileSync("git", ["ls-files", "hal/wamr"], { cwd: ROOT, encoding: "utf8" });
    const firmware = [...tracked.trim().split("\n"), "hal/wamr/include/linger-abi.h"];
    assert.deepEqual(packed.filter((path) => path.startsWith("hal/wamr/")).sort(), firmware.sort());
    for (const profile of ["tiny", "default", "host"]) {
      assert.ok(packed.includes(`dist/wasm/linger-${profile}.wasm`), profile);
    }
    for (const path of packed.filter((name) => name.startsWith("dist/host/"))) {
      const source = path.replace(/^dist/, "hal").replace(/(\.d)?\.(ts|js)$/, ".ts");
      assert.ok(existsSync(join(ROOT, source)), `${path} is left over from an older build`);
    }
    const unwanted = packed.filter((path) => /^(tests|build|node_modules|\.ci)\//.test(path));
    assert.deepEqual(unwanted, []);
  });

  test("the command says its version and its help, and refuses nonsense in one line", () => {
    assert.equal(run(linger, ["--version"]).stdout, `${version}\n`);
    assert.match(run(linger, ["help"]).stdout, /^ {2}serve /m);
    const { status, stdout, stderr } = run(linger, ["dance"]);
    assert.deepEqual([status, stdout], [2, ""]);
    assert.match(stderr, /^linger: [^\n]+\n$/);
  });

  test("the library's types hold in a strict program, which then runs", () => {
    writeFileSync(join(folder, "program.ts"), PROGRAM);
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(TSCONFIG));
    const tsc = join(ROOT, "node_modules/typescript/bin/tsc");
    const checked = run(process.execPath, [tsc, "-p", "tsconfig.json"]);
    assert.equal(checked.status, 0, checked.stdout);
    const ran = run(process.execPath, ["out/program.js"]);
    assert.deepEqual([ran.stdout, ran.stderr], ["good day, 10.9.0.2 CLOSED\n", ""]);
  });

  for (const example of ["echo", "http"]) {
    test(`the ${example} example compiles with the preset, for boards and for the host`, () => {
      const source = join(folder, "node_modules/linger-tcp/examples", example);
      cpSync(source, folder, { recursive: true });
      const asc = join(folder, "node_modules/.bin/asc");
      for (const target of ["tiny", "default"]) {
        const { status, stderr } = run(asc, ["--target", target]);
        assert.equal(status, 0, stderr);
      }
    });
  }

  test("the compiled echo example runs: linger connect talks to linger run", async () => {
    const wire = `unix:${join(folder, "wire")}`;
    const server = spawn(
      linger,
      ["run", "echo.wasm", "--wire", `stream-listen:${wire}`, "--ip", "10.9.0.2/24"],
      { cwd: folder, stdio: ["ignore", "ignore", "ignore"] },
    );
    children.push(server);
    for (let tries = 0; tries < 200 && !existsSync(join(folder, "wire")); tries++) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    const ip = ["--ip", "10.9.0.3/24"];
    const args = ["connect", "10.9.0.2", "7", "--wire", `stream:${wire}`, ...ip];
    const { status, stdout, stderr } = run(linger, args, "good day\n");
    assert.deepEqual([status, stdout], [0, "good day\n"], stderr);
  });

  test("code that allocates is refused when it is compiled, by name", () => {
    const source = readFileSync(join(folder, "echo.ts"), "utf8");
    writeFileSync(
      join(folder, "greedy.ts"),
      source.replace("const listener", "const list = [PORT, 2];\n  store<u32>(0, list[1]);\n  $&"),
    );
    const asc = join(folder, "node_modules/.bin/asc");
    const settings = '{ "extends": "linger-tcp/asconfig.app.json", "entries": ["greedy.ts"] }';
    writeFileSync(join(folder, "asconfig.json"), settings);
    const { status, stderr } = run(asc, ["--target", "default", "--outFile", "greedy.wasm"]);
    assert.notEqual(status, 0);
    assert.match(stderr, /never allocates.*greedy\/appInit/);
  });
});
