/**
 * The kernel as a peer of the kernel: a second network in which far-kernel.ts runs, and the wire
 * to it.
 *
 * Called by measure.ts. The network is gone when its process is, and that when this one ends.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { openTap, type Wire } from "../../hal/host/index.ts";
import type { Order, Report } from "./far-kernel.ts";
import type { Switches } from "./grid.ts";

const PROGRAM = fileURLToPath(new URL("far-kernel.ts", import.meta.url));
const DEVICE = "tap1";
export const FAR_ADDRESS = "10.9.0.3";
export const FAR_PORT = 7000;

/** Distributes over the kinds of order, as Omit alone does not. */
type Unnumbered<T> = T extends unknown ? Omit<T, "id"> : never;

export class FarKernel {
  /** Frames to and from its interface. */
  readonly wire: Wire;
  readonly #process: ChildProcess;
  readonly #answers = new Map<number, (report: Report) => void>();
  #nextId = 1;

  /** For transfers of so many octets. */
  static async start(length: number): Promise<FarKernel> {
    const command = ["--net", process.execPath, "--import", "tsx", PROGRAM];
    const child = spawn("unshare", command, { stdio: ["ignore", "inherit", "inherit", "ipc"] });
    await new Promise<void>((resolve, reject) => {
      child.once("message", () => resolve());
      child.once("error", reject);
      child.once("exit", (code) => reject(new Error(`the second network ended with ${code}`)));
    });
    const wire = await openTap(DEVICE);
    const moved = spawnSync("ip", ["link", "set", DEVICE, "netns", `${child.pid}`]);
    if (moved.status !== 0) throw new Error(`ip link set netns: ${moved.stderr.toString().trim()}`);
    const far = new FarKernel(child, wire);
    const place = { device: DEVICE, address: FAR_ADDRESS, port: FAR_PORT };
    await far.#order({ op: "prepare", ...place, length });
    return far;
  }

  private constructor(child: ChildProcess, wire: Wire) {
    this.#process = child;
    this.wire = wire;
    child.on("message", (report: Report) => {
      this.#answers.get(report.id)?.(report);
      this.#answers.delete(report.id);
    });
  }

  async setSwitches(switches: Switches): Promise<void> {
    await this.#order({ op: "switches", switches });
  }

  /** The far end of the next connection; when its last octet had come. */
  async transfer(length: number): Promise<number> {
    const { atMs } = await this.#order({ op: "transfer", length });
    return atMs!;
  }

  stop(): void {
    this.wire.close();
    this.#process.disconnect();
  }

  #order(order: Unnumbered<Order>): Promise<Report> {
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#answers.set(id, (report) => {
        if (report.error === undefined) resolve(report);
        else reject(new Error(`the far kernel: ${report.error}`));
      });
      this.#process.send({ id, ...order });
    });
  }
}
