/**
 * A TAP interface of the Linux kernel as a wire, through koffi's calls into libc.
 *
 * Used by the command line's `--wire tap:NAME`. The descriptor never blocks and is watched by
 * Node's own event loop: no thread sleeps in the kernel, so the process can always end. Configures
 * nothing: addresses and `ip link set … up` are the administrator's.
 */
import { closeSync, constants, openSync } from "node:fs";
import { constants as osConstants } from "node:os";
import { LingerError, systemCode } from "../errors.ts";
import { type Wire, WireEnds } from "../wire.ts";

const DEVICE = "/dev/net/tun";
/** IFNAMSIZ less its final NUL. */
const NAME_OCTETS_MAX = 15;

// linux/if_tun.h: attach this descriptor to the interface that a `struct ifreq` of 40 octets names;
// a tap (Ethernet frames), without the 4 octets of packet information before each frame.
const TUNSETIFF = 0x400454ca;
const IFREQ_OCTETS = 40;
const IFREQ_FLAGS = 16;
const IFF_TAP_NO_PI = 0x1002;

/** Frames taken in one go before the event loop sees to others again. */
const BURST_FRAMES_MAX = 256;
const READ_OCTETS = 65_536;

type Koffi = typeof import("koffi");

/** The calls that Node lacks, and the watch on the descriptor. */
interface Libc {
  ioctl(file: number, request: number, argument: Uint8Array): number;
  read(file: number, into: Uint8Array, octets: number): number;
  write(file: number, from: Uint8Array, octets: number): number;
  errno(): number;
  watch(file: number, changed: () => void): Watch;
}

interface Watch {
  start(events: { readable: boolean; writable: boolean }, changed: () => void): void;
  close(): void;
}

/**
 * Opens a TAP interface by its name; one that does not exist is made, if the rights allow, and goes
 * with the wire. Rejects with TAP_UNSUPPORTED, TAP_NAME, TAP_PERMISSION, TAP_BUSY, TAP_MISSING or
 * TAP_FAILED, each saying what to do.
 */
export async function openTap(name: string): Promise<Wire> {
  checkName(name);
  if (process.platform !== "linux") {
    const text = `TAP interfaces exist on Linux only, not on ${process.platform}: use another wire`;
    throw new LingerError("TAP_UNSUPPORTED", text);
  }
  const libc = await loadLibc();
  const file = openDevice();
  const request = Buffer.alloc(IFREQ_OCTETS);
  request.write(name, "latin1");
  request.writeUInt16LE(IFF_TAP_NO_PI, IFREQ_FLAGS);
  if (libc.ioctl(file, TUNSETIFF, request) < 0) {
    const errno = libc.errno();
    closeSync(file);
    throw attachError(errno, name);
  }
  return new TapWire(libc, file, name);
}

function checkName(name: string): void {
  const plain = /^[\x21-\x7e]+$/.test(name) && !/[/%:]/.test(name) && name !== "." && name !== "..";
  if (plain && name.length <= NAME_OCTETS_MAX) return;
  const why = plain ? `is longer than ${NAME_OCTETS_MAX} characters` : "is not a valid name";
  throw new LingerError("TAP_NAME", `TAP interface: "${name}" ${why}`);
}

let libcLoaded: Libc | undefined;

async function loadLibc(): Promise<Libc> {
  if (libcLoaded !== undefined) return libcLoaded;
  let koffi: Koffi["default"];
  try {
    koffi = (await import("koffi")).default;
  } catch (error) {
    const missing = systemCode(error) === "ERR_MODULE_NOT_FOUND";
    const text = missing
      ? 'TAP needs the npm package koffi: run "npm install koffi"'
      : `TAP needs the npm package koffi, which does not load here: ${String(error)}`;
    throw new LingerError("TAP_UNSUPPORTED", text, { cause: error });
  }
  const libc = koffi.load(null);
  libcLoaded = {
    ioctl: libc.func("int ioctl(int file, unsigned long request, void *argument)"),
    read: libc.func("long read(int file, void *into, unsigned long octets)"),
    write: libc.func("long write(int file, const void *from, unsigned long octets)"),
    errno: () => koffi.errno(),
    watch: (file, changed) => koffi.node.poll(file, { readable: true }, changed),
  };
  return libcLoaded;
}

function openDevice(): number {
  try {
    return openSync(DEVICE, constants.O_RDWR | constants.O_NONBLOCK);
  } catch (error) {
    const code = systemCode(error);
    if (code === "EACCES" || code === "EPERM") {
      const text =
        `no permission to open ${DEVICE}: run as root, or in a namespace of your own ` +
        `("unshare -Urn", where ${DEVICE} is world-writable)`;
      throw new LingerError("TAP_PERMISSION", text, { cause: error });
    }
    if (code === "ENOENT" || code === "ENODEV" || code === "ENXIO") {
      const text = `${DEVICE} is missing (${code}): load the kernel's module with "modprobe tun"`;
      throw new LingerError("TAP_MISSING", text, { cause: error });
    }
    throw new LingerError("TAP_FAILED", `cannot open ${DEVICE}: ${String(error)}`, {
      cause: error,
    });
  }
}

function attachError(errno: number, name: string): LingerError {
  const { EPERM, EACCES, EBUSY, EINVAL } = osConstants.errno;
  if (errno === EPERM || errno === EACCES) {
    const text =
      `no permission to use the TAP interface ${name}: run as root, or let root make it for you ` +
      `with "ip tuntap add dev ${name} mode tap user $USER"`;
    return new LingerError("TAP_PERMISSION", text);
  }
  if (errno === EBUSY) {
    const text = `the TAP interface ${name} is in use by another process`;
    return new LingerError("TAP_BUSY", text);
  }
  if (errno === EINVAL) {
    const text = `${name} exists and is not a TAP interface: choose another name`;
    return new LingerError("TAP_NAME", text);
  }
  return new LingerError("TAP_FAILED", `cannot attach to ${name}: system error ${errno}`);
}

class TapWire implements Wire {
  readonly #libc: Libc;
  readonly #file: number;
  readonly #name: string;
  readonly #watch: Watch;
  readonly #ends = new WireEnds();
  readonly #buffer = new Uint8Array(READ_OCTETS);
  #serving: NodeJS.Immediate | undefined;
  #awaitsRoom = false;

  constructor(libc: Libc, file: number, name: string) {
    this.#libc = libc;
    this.#file = file;
    this.#name = name;
    this.#watch = libc.watch(file, this.#changed);
  }

  send(frame: Uint8Array): boolean {
    if (this.#ends.isClosed) return true;
    if (this.#libc.write(this.#file, frame, frame.length) >= 0) return true;
    const errno = this.#libc.errno();
    if (errno === osConstants.errno.EAGAIN || errno === osConstants.errno.ENOBUFS) {
      this.#awaitRoom();
      return false;
    }
    // EIO: the interface is down, and frames vanish as on a pulled cable. EINVAL: a runt.
    if (errno === EBADFD) this.#gone();
    return true;
  }

  onFrame(callback: (frame: Uint8Array) => void): void {
    this.#ends.setFrame(callback);
  }

  onClose(callback: (error?: LingerError) => void): void {
    this.#ends.setClose(callback);
  }

  onDrain(callback: () => void): void {
    this.#ends.setDrain(callback);
  }

  close(): void {
    if (this.#ends.closed()) this.#release();
  }

  /**
   * Called by libuv itself, outside of any JavaScript turn: microtasks would not run after it, nor
   * errors be reported. So the work is done in a turn of its own, still in this round of the loop.
   */
  readonly #changed = (): void => {
    this.#serving ??= setImmediate(() => {
      this.#serving = undefined;
      this.#serve();
    });
  };

  #serve(): void {
    if (this.#awaitsRoom) {
      this.#awaitsRoom = false;
      this.#watchAgain();
      this.#ends.drained();
    }
    for (let count = 0; count < BURST_FRAMES_MAX && !this.#ends.isClosed; count++) {
      const length = this.#libc.read(this.#file, this.#buffer, READ_OCTETS);
      if (length <= 0) {
        const errno = this.#libc.errno();
        if (length === 0 || (errno !== osConstants.errno.EAGAIN && errno !== EINTR)) this.#gone();
        else if (count === 0) this.#watchAgain();
        return;
      }
      this.#ends.frame(this.#buffer.slice(0, length));
    }
  }

  #awaitRoom(): void {
    if (this.#awaitsRoom) return;
    this.#awaitsRoom = true;
    this.#watchAgain();
  }

  /**
   * Also after a call for nothing: libuv calls for an error, too, and stops watching then. While an
   * interface is being removed there is one a moment before `read` tells, and nothing else would
   * come any more.
   */
  #watchAgain(): void {
    this.#watch.start({ readable: true, writable: this.#awaitsRoom }, this.#changed);
  }

  #gone(): void {
    const text = `the TAP interface ${this.#name} was removed`;
    if (this.#ends.closed(new LingerError("WIRE_CLOSED", text))) this.#release();
  }

  #release(): void {
    clearImmediate(this.#serving);
    this.#watch.close();
    closeSync(this.#file);
  }
}

/** Linux: the interface behind the descriptor was deleted. Node's table of errors lacks it. */
const EBADFD = 77;
const EINTR = osConstants.errno.EINTR;
