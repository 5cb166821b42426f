/**
 * `npm run board`: starts a board in QEMU, with its UART on the terminal.
 *
 *     npm run board -- mps2-an385
 *     npm run board -- lm3s6965evb --aot --wire tap:tap0
 *     npm run board -- mps2-an385 --app http.wasm
 *
 * `linux` is a board that is a process of this machine. Builds the image first, and an
 * application's own if it is compiled ahead of time. The exit status is that of QEMU or of the
 * process, 1 if the board cannot be built or started, 2 for a wrong argument.
 */
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { parseWireSpec, WIRE_HELP, type WireSpec } from "../../hal/host/cli/wire-spec.ts";
import { readOptions, runProgram, UsageError } from "../command.ts";
import { buildImageWith, buildProcess, buildSleeper, modulePath } from "./build.ts";
import { BOARDS, type Engine, findImage, type Image } from "./images.ts";
import { prepareBoard, QEMU } from "./machine.ts";
import { formatSettings, makeModulePartition, type Settings } from "./partitions.ts";

const USAGE = `usage: npm run board -- BOARD [OPTION…]

Starts a board in QEMU, its UART on the terminal; a key prints the board's counters, Ctrl-C ends it.
Boards: ${BOARDS.map(({ name }) => name).join(", ")}, and linux, which is a process of this
machine without QEMU, on the wires tap:NAME and udp:LOCALPORT:127.0.0.1:PORT.
  --engine NAME   fast or classic: WAMR's interpreter (default: fast where there is room)
  --aot           the module compiled ahead of time, without an interpreter
  --app FILE      another module than the release's: an application with the stack inside
  --wire SPEC     how it is connected (default: user, see below)
  --ip CIDR       its IPv4 address (default 10.9.0.2/24)
  --gateway IP    its gateway (default 10.9.0.1)
  --flash FILE    mps2-an385 and linux: the key z puts the stack away in it, and the next start
                  with this file goes on from there (docs/snapshots.md)
  --msl MS        maximum segment lifetime, 100 to 120,000 (default 30,000)
  --mac MAC       its link address (default 02:00:00:0a:09:02)

The wire "user" needs no rights: QEMU plays the network, in which 10.9.0.1 is this machine, and
ports 8007, 8013 and 8080 of 127.0.0.1 lead to ports 7, 13 and 80 of the board at 10.9.0.2.
${WIRE_HELP.replace(/^ {2}stream-listen.*\n.*\n/m, "")}`;

const FORWARDS = { 8007: 7, 8013: 13, 8080: 80 };
const IP_DEFAULT = "10.9.0.2/24";
const GATEWAY_DEFAULT = "10.9.0.1";
const MAC_DEFAULT = "02:00:00:0a:09:02";
const SEED_OCTETS = 32;
const MSL_MIN_MS = 100;
const MSL_MAX_MS = 120_000;

const LINUX = "linux";
/** The board whose images can be put away. */
const SLEEPER = "mps2-an385";

const OPTIONS = {
  engine: { type: "string" },
  aot: { type: "boolean" },
  app: { type: "string" },
  wire: { type: "string" },
  ip: { type: "string" },
  gateway: { type: "string" },
  msl: { type: "string" },
  mac: { type: "string" },
  flash: { type: "string" },
  help: { type: "boolean" },
} as const;

type Values = { [Name in keyof typeof OPTIONS]?: string | boolean };

/** What holds for every board. */
interface Order {
  app: string | undefined;
  wire: WireSpec | undefined;
  settings: Settings;
  mac: string;
}

function text(values: Values, name: keyof typeof OPTIONS): string | undefined {
  const value = values[name];
  return typeof value === "string" ? value : undefined;
}

/** The engines that may be meant, the best one first. */
function readEngines(values: Values): Engine[] {
  const asked = text(values, "engine");
  if (asked !== undefined && asked !== "fast" && asked !== "classic") {
    throw new UsageError(`--engine is fast or classic, not ${asked}`);
  }
  if (asked !== undefined && values.aot === true) {
    throw new UsageError("--aot has no interpreter: leave --engine out");
  }
  if (values.aot === true) return ["wasm2c"];
  return asked === undefined ? ["fast", "classic"] : [asked];
}

function chooseImage(board: string, values: Values): Image {
  if (!BOARDS.some(({ name }) => name === board)) {
    const names = [...BOARDS.map(({ name }) => name), LINUX].join(", ");
    throw new UsageError(`there is no board ${board}; there are ${names}`);
  }
  const wanted = readEngines(values);
  for (const engine of wanted) {
    const image = findImage(board, engine);
    if (image !== undefined) return image;
  }
  throw new UsageError(`${board} has no image with the ${wanted.join(" or ")} interpreter`);
}

/** QEMU's words for a wire. */
function toNetdev(spec: WireSpec): string {
  switch (spec.kind) {
    case "tap":
      return `tap,ifname=${spec.name},script=no,downscript=no`;
    case "udp": {
      const { local, remote } = spec.options;
      const here = `local.type=inet,local.host=127.0.0.1,local.port=${local.port}`;
      const there = `remote.type=inet,remote.host=${remote.host},remote.port=${remote.port}`;
      return `dgram,${here},${there}`;
    }
    case "stream":
    case "stream-listen": {
      const { address } = spec;
      const place =
        "path" in address
          ? `addr.type=unix,addr.path=${address.path}`
          : `addr.type=inet,addr.host=${address.host},addr.port=${address.port}`;
      return `stream,server=${spec.kind === "stream" ? "off" : "on"},${place}`;
    }
  }
}

function userNetdev(ip: string): string {
  const [address] = ip.split("/");
  const forwards = Object.entries(FORWARDS).map(
    ([here, there]) => `hostfwd=tcp:127.0.0.1:${here}-${address}:${there}`,
  );
  return `user,net=10.9.0.0/24,host=10.9.0.1,dns=10.9.0.3,${forwards.join(",")}`;
}

function readMsl(value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const mslMs = /^\d+$/.test(value) ? Number(value) : NaN;
  if (mslMs >= MSL_MIN_MS && mslMs <= MSL_MAX_MS) return mslMs;
  throw new UsageError(`--msl takes ${MSL_MIN_MS} to ${MSL_MAX_MS} ms, not ${value}`);
}

const DOTTED = /^\d{1,3}(\.\d{1,3}){3}$/;

function readOrder(values: Values): Order {
  const ip = text(values, "ip") ?? IP_DEFAULT;
  const gateway = text(values, "gateway") ?? GATEWAY_DEFAULT;
  const mac = text(values, "mac") ?? MAC_DEFAULT;
  if (!/^[\d.]+\/\d{1,2}$/.test(ip) || !DOTTED.test(ip.split("/")[0]!)) {
    throw new UsageError(`--ip takes an address like ${IP_DEFAULT}, not ${ip}`);
  }
  if (!DOTTED.test(gateway)) throw new UsageError(`--gateway takes an address, not ${gateway}`);
  if (!/^[\da-f]{2}(:[\da-f]{2}){5}$/i.test(mac)) {
    throw new UsageError(`--mac takes six octets like ${MAC_DEFAULT}, not ${mac}`);
  }
  const app = text(values, "app");
  if (app !== undefined && !existsSync(app)) throw new UsageError(`there is no file ${app}`);
  const wire = text(values, "wire") ?? "user";
  const seed = randomBytes(SEED_OCTETS).toString("hex");
  const mslMs = readMsl(text(values, "msl"));
  return {
    app,
    wire: wire === "user" ? undefined : parseWire(wire),
    mac,
    settings: { ip, gateway, seed, ...(mslMs === undefined ? {} : { mslMs }) },
  };
}

/** As the command `linger` has it. */
function parseWire(wire: string): WireSpec {
  try {
    return parseWireSpec(wire);
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

/** The board that is a process. */
function startProcess(values: Values): void {
  const { app, wire, settings } = readOrder(values);
  const [engine = "fast"] = readEngines(values);
  const module = app ?? modulePath("default");
  if (wire?.kind !== "tap" && wire?.kind !== "udp") {
    throw new UsageError("linux takes --wire tap:NAME or --wire udp:LOCALPORT:127.0.0.1:PORT");
  }
  const place =
    wire.kind === "tap"
      ? `tap:${wire.name}`
      : `udp:${wire.options.local.port}:${wire.options.remote.port}`;
  console.error(`building linger-${engine} …`);
  const program = buildProcess(engine, module);
  const words = formatSettings(settings);
  const flash = text(values, "flash");
  const last = flash === undefined ? [] : [flash];
  run(program, [...(engine === "wasm2c" ? [] : [module]), place, words, ...last], () => undefined);
}

function start(board: string, values: Values): void {
  const image = chooseImage(board, values);
  const { app, wire, settings, mac } = readOrder(values);
  const netdev = wire === undefined ? userNetdev(settings.ip) : toNetdev(wire);
  const path = app ?? modulePath(image.board.profile);
  const store = text(values, "flash");
  if (store !== undefined) checkSleeper(board, image, app);
  console.error(`building ${image.name} …`);
  const built =
    store === undefined ? buildImageWith(image, path) : buildSleeper(image.engine, path);
  const module = makeModulePartition(readFileSync(path));
  const kept = store === undefined ? {} : { store };
  const { args, discard } = prepareBoard({ built, module, settings, netdev, mac, ...kept });
  run(QEMU, args, discard);
}

/** Which firmware there is that can be put away. */
function checkSleeper(board: string, image: Image, app: string | undefined): void {
  if (board !== SLEEPER) throw new UsageError(`--flash is for ${SLEEPER} and ${LINUX}`);
  if (image.engine === "wasm2c" && app !== undefined) {
    throw new UsageError("--flash with --aot runs the release's module: leave --app out");
  }
}

/** Runs a program on the terminal, and exits as it does. */
function run(program: string, args: string[], discard: () => void): void {
  const child = spawn(program, args, { stdio: "inherit" });
  process.on("SIGINT", () => undefined);
  for (const signal of ["SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill("SIGTERM"));
  child.on("error", (error) => {
    console.error(`board: ${program}: ${error.message}`);
    discard();
    process.exitCode = 1;
  });
  child.on("exit", (code) => {
    discard();
    process.exitCode = code ?? 1;
  });
}

function main(args: string[]): number {
  const { values, positionals } = readOptions({ args, options: OPTIONS, allowPositionals: true });
  if (values.help === true) {
    console.log(USAGE);
    return 0;
  }
  const [board, ...more] = positionals;
  if (board === undefined || more.length > 0) {
    throw new UsageError("name one board; npm run board -- --help tells which there are");
  }
  if (board === LINUX) startProcess(values);
  else start(board, values);
  return 0;
}

await runProgram("board", main);
