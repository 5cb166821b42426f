/**
 * What the tests need of the machine beyond Node and npm: programs, with the Debian package of
 * each, and rights, with the command that gives them.
 *
 * Used by `scripts/test.mjs` to skip a lane with its reason, and by `.ci/run`, which runs this file
 * to get the list of packages: so that the two never disagree.
 */
import { spawnSync } from "node:child_process";
import { accessSync, constants, existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

/** Program → Debian package. */
const PACKAGES = {
  "arm-none-eabi-gcc": "gcc-arm-none-eabi",
  cc: "gcc",
  "clang-19": "clang-19",
  cmake: "cmake",
  curl: "curl",
  "dpkg-source": "dpkg-dev",
  flock: "util-linux",
  git: "git",
  hping3: "hping3",
  ip: "iproute2",
  ninja: "ninja-build",
  nmap: "nmap",
  nsenter: "util-linux",
  ping: "iputils-ping",
  ps: "procps",
  "qemu-system-arm": "qemu-system-arm",
  "qemu-system-x86_64": "qemu-system-x86",
  sysctl: "procps",
  tshark: "tshark",
  unshare: "util-linux",
  valgrind: "valgrind",
  "wasm-ld-19": "lld-19",
  wasm2c: "wabt",
};

/** What may come from elsewhere than Debian: `.ci/run` installs these only if they are missing. */
const FALLBACKS = { cargo: "cargo" };

/**
 * A library to compile against → what a program includes of it, and its Debian packages. The
 * compiler is the machine's own, unless another one is named.
 */
const LIBRARIES = {
  liblwip: { header: "lwip/tcp.h", packages: ["libc6-dev", "liblwip-dev"] },
  "newlib-arm": {
    compiler: "arm-none-eabi-gcc",
    header: "newlib.h",
    packages: ["libnewlib-arm-none-eabi"],
  },
};

/** Where administrators' programs are that an ordinary user's PATH leaves out. */
const EXTRA_PATHS = ["/usr/sbin", "/sbin"];

const IN_NAMESPACE = fileURLToPath(new URL("../in-namespace.mjs", import.meta.url));
const TUN = "/dev/net/tun";

/**
 * What stands in the way, or undefined: { reason, get }. `need` is a program, a library, or
 * "namespace".
 */
export function findObstacle(need) {
  if (need === "namespace") return findNamespaceObstacle();
  if (LIBRARIES[need] !== undefined) return findLibraryObstacle(need);
  const name = PACKAGES[need] ?? FALLBACKS[need];
  if (name === undefined) throw new Error(`scripts/test/needs.mjs does not know ${need}`);
  if (isProgram(need)) return undefined;
  return { reason: `${need} is not installed`, get: `sudo apt-get install ${name}` };
}

/** A private network with a TAP interface: tried, not guessed. */
function findNamespaceObstacle() {
  if (process.platform !== "linux") {
    return { reason: "network namespaces exist on Linux only", get: "a Linux machine" };
  }
  for (const program of ["unshare", "ip", "sysctl"]) {
    const obstacle = findObstacle(program);
    if (obstacle !== undefined) return obstacle;
  }
  if (!existsSync(TUN)) return { reason: `${TUN} is missing`, get: "sudo modprobe tun" };
  try {
    accessSync(TUN, constants.R_OK | constants.W_OK);
  } catch {
    return { reason: `no right to open ${TUN}`, get: `sudo npm test, or: sudo chmod 666 ${TUN}` };
  }
  const trial = spawnSync(process.execPath, [IN_NAMESPACE, "true"], { encoding: "utf8" });
  if (trial.status === 0) return undefined;
  const [why = "no reason given"] = trial.stderr.trim().split("\n");
  return { reason: `no private network can be made here (${why})`, get: "sudo npm test" };
}

/** A compiler knows best whether it finds a header, and the headers that this one needs. */
function findLibraryObstacle(name) {
  const { compiler = "cc", header, packages } = LIBRARIES[name];
  const obstacle = findObstacle(compiler);
  if (obstacle !== undefined) return obstacle;
  const args = ["-fsyntax-only", "-I/usr/include/lwip", "-x", "c", "-"];
  const input = `#include <stdio.h>\n#include <${header}>\n`;
  if (spawnSync(compiler, args, { input }).status === 0) return undefined;
  return { reason: `${name} is not installed`, get: `sudo apt-get install ${packages.join(" ")}` };
}

function isProgram(name) {
  const folders = [...(process.env.PATH ?? "").split(delimiter), ...EXTRA_PATHS];
  return folders.some((folder) => {
    try {
      accessSync(join(folder, name), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** The PATH for tests, on which every program that was found is. */
export function testPath() {
  return [process.env.PATH, ...EXTRA_PATHS].join(delimiter);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const ofLibraries = Object.values(LIBRARIES).flatMap(({ packages }) => packages);
  const missing = Object.keys(FALLBACKS).filter((name) => !isProgram(name));
  const fallbacks = missing.map((name) => FALLBACKS[name]);
  const all = new Set([...Object.values(PACKAGES), ...ofLibraries, ...fallbacks]);
  console.log([...all].sort().join("\n"));
}
