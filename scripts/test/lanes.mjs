/**
 * The lanes of `npm test`: what each runs, what it needs of the machine, and how long it may take.
 *
 * Used by `scripts/test.mjs`, which starts them in this order, two at a time: the long ones first.
 * A lane's bound is several times what it takes on two idle cores; TOTAL_S holds for all together.
 */
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { reporterArguments } from "../conformance/labels.mjs";
import { ROOT } from "../ready.mjs";

/** `npm test` ends within this, whatever happens: what has not ended by then has failed. */
export const TOTAL_S = 2_700;

/** One test that hangs is ended, and named, well before its lane is. */
const TEST_TIMEOUT_SHARE = 0.8;

/** What builds the boards' firmware, and runs it. */
const FIRMWARE = [
  ...["arm-none-eabi-gcc", "newlib-arm", "cmake", "ninja", "wasm2c", "cargo", "flock"],
  ...["qemu-system-arm", "cc"],
];

/**
 * { name, covers, command(), files(), kind, needs, timeoutS, isLabelled } of each lane.
 * `isLabelled`: its tests may carry labels of requirements; their results are left for
 * `scripts/conformance`.
 */
export const LANES = [
  lane("interop-kernel", "Linger and the Linux kernel over TAP", {
    tests: ["tests/interop/kernel"],
    needs: ["namespace", "curl", "nmap", "hping3", "nsenter", "tshark"],
    inNamespace: true,
    timeoutS: 280,
  }),
  lane("tcp", "tables of segments against the release modules", {
    tests: ["tests/tcp"],
    timeoutS: 240,
    isLabelled: true,
  }),
  lane("interop-user", "Linger and libslirp through QEMU, without root", {
    tests: ["tests/interop/user"],
    needs: ["qemu-system-x86_64", "tshark"],
    timeoutS: 180,
  }),
  lane("interop-lwip", "Linger and lwIP, without root", {
    tests: ["tests/interop/lwip"],
    needs: ["liblwip", "tshark"],
    timeoutS: 200,
  }),
  lane("board-kernel", "firmware in QEMU and the Linux kernel over TAP", {
    tests: ["tests/board/kernel"],
    needs: [...FIRMWARE, "namespace", "curl", "ping"],
    inNamespace: true,
    timeoutS: 280,
  }),
  lane("board", "firmware in QEMU: boards, engines, and what can go wrong, without root", {
    tests: ["tests/board/everywhere"],
    needs: FIRMWARE,
    timeoutS: 500,
  }),
  lane("package", "npm pack, installed in an empty folder", {
    tests: ["tests/package"],
    timeoutS: 180,
  }),
  lane("cli", "the command linger", { tests: ["tests/cli"], timeoutS: 240 }),
  {
    name: "unit",
    covers: "as-pect, the pure parts of assembly/",
    command: () => ["npm", "run", "--silent", "test:unit"],
    files: () => findFiles("tests/unit", ".spec.ts"),
    kind: "as-pect",
    needs: [],
    timeoutS: 180,
  },
  lane("tidy", "architecture, style, lint", {
    tests: ["tests/tidy"],
    needs: ["git", "ps"],
    timeoutS: 180,
  }),
  lane("host", "the host library and the packet parser", {
    tests: ["tests/host", "tests/packet"],
    timeoutS: 180,
  }),
  lane("fuzz", "nonsense for the stack and the host library, and what it found before", {
    tests: ["tests/fuzz"],
    timeoutS: 180,
  }),
  lane("mutants", "deliberate faults in the stack: each applies and compiles", {
    tests: ["tests/mutants"],
    timeoutS: 180,
  }),
  lane("goodput", "what gets through a lossy link, under virtual time", {
    tests: ["tests/goodput"],
    timeoutS: 240,
  }),
  lane("model", "everything that can happen to two hosts, within small bounds", {
    tests: ["tests/model"],
    timeoutS: 240,
  }),
  lane("sim", "seeds of the simulator: hosts, a bad network, hostile stations", {
    tests: ["tests/sim"],
    timeoutS: 240,
  }),
  lane("netif", "ARP, ICMP, the ways in and out, against the release modules", {
    tests: ["tests/netif"],
    timeoutS: 60,
    isLabelled: true,
  }),
  lane("cost", "segments and ticks cost the same however many connections there are", {
    tests: ["tests/cost"],
    timeoutS: 120,
  }),
  lane("bench", "the benchmark: what is sent is right, what it costs, each engine counts", {
    tests: ["tests/bench"],
    timeoutS: 540,
  }),
  lane("binaries", "what the release modules contain", {
    tests: ["tests/binaries.test.ts"],
    timeoutS: 120,
  }),
];

/**
 * What lanes share and only one may make, before any of them runs: WAMR's sources, which need the
 * network that a lane in a namespace has not.
 */
export const SHARED = [
  {
    needs: ["cmake", "cargo"],
    command: [
      "cmake",
      "-DDESTINATION=build/firmware/wamr",
      "-P",
      "hal/wamr/cmake/fetch-wamr.cmake",
    ],
  },
];

/** A lane of node:test files: folders, which are searched, or files. */
function lane(name, covers, { tests, needs = [], inNamespace = false, timeoutS, isLabelled }) {
  const files = () => tests.flatMap((path) => findFiles(path, ".test.ts"));
  const command = () => [
    ...(inNamespace ? [process.execPath, "scripts/in-namespace.mjs"] : []),
    process.execPath,
    ...["--import", "tsx", "--test", "--test-concurrency=1"],
    ...["--test-reporter=spec", "--test-reporter-destination=stdout"],
    ...(isLabelled === true ? reporterArguments(name) : []),
    `--test-timeout=${timeoutS * 1000 * TEST_TIMEOUT_SHARE}`,
    ...files(),
  ];
  return { name, covers, command, files, kind: "node", needs, timeoutS, isLabelled };
}

/** The files below a path that end so; a path may be such a file itself. */
function findFiles(path, ending) {
  const stat = statSync(join(ROOT, path), { throwIfNoEntry: false });
  if (stat === undefined) return [];
  if (!stat.isDirectory()) return [path];
  return readdirSync(join(ROOT, path), { recursive: true })
    .filter((name) => name.endsWith(ending))
    .sort()
    .map((name) => join(path, name));
}
