/**
 * Runs the command `linger` as a user does: a process, its output, its exit status.
 *
 * Called by the tests of this folder. Processes that a test leaves behind are ended with it.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { type Connection, openDatagram, Stack } from "../../hal/host/index.ts";

export const ROOT = fileURLToPath(new URL("../..", import.meta.url));
/** The command from its sources: nothing has to be built but the modules. */
export const LINGER = ["--import", "tsx", join(ROOT, "hal/host/cli/main.ts")];

export interface Finished {
  /** The exit status, or the signal that ended it. */
  code: number | NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

export interface LingerOptions {
  /** What stdin gives before it ends; without it stdin is empty. */
  input?: string | Uint8Array;
  /** Leave stdin open after the input. */
  keepInput?: boolean;
  env?: NodeJS.ProcessEnv;
  uid?: number;
}

/** A started command; its output so far can be looked at. */
export class Running {
  readonly child: ChildProcess;
  readonly finished: Promise<Finished>;
  #stdout: Buffer[] = [];
  #stderr = "";
  #changed: (() => void)[] = [];
  #hasEnded = false;

  constructor(t: TestContext, args: readonly string[], options: LingerOptions = {}) {
    const { input, keepInput = false, env = process.env, uid } = options;
    this.child = spawn(process.execPath, [...LINGER, ...args], {
      cwd: ROOT,
      env,
      ...(uid === undefined ? {} : { uid, gid: uid }),
    });
    t.after(() => void this.child.kill("SIGKILL"));
    this.child.stdout!.on("data", (data: Buffer) => this.#take(() => this.#stdout.push(data)));
    this.child.stderr!.on("data", (data) => this.#take(() => (this.#stderr += String(data))));
    this.child.stdin!.on("error", () => undefined);
    if (input !== undefined) this.child.stdin!.write(input);
    if (!keepInput) this.child.stdin!.end();
    this.finished = new Promise((resolve, reject) => {
      this.child.on("error", reject);
      this.child.on("close", (code, signal) => {
        this.#take(() => (this.#hasEnded = true));
        resolve({ code: code ?? signal, stdout: this.stdout, stderr: this.stderr });
      });
    });
  }

  get stdout(): string {
    return this.octets.toString();
  }

  get octets(): Buffer {
    return Buffer.concat(this.#stdout);
  }

  get stderr(): string {
    return this.#stderr;
  }

  /** Waits until the output so far matches; fails if the command ends before. */
  async prints(pattern: RegExp): Promise<void> {
    while (!pattern.test(this.stdout + this.stderr)) {
      assert.ok(!this.#hasEnded, `it ended without ${pattern}:\n${this.stdout}${this.stderr}`);
      await new Promise<void>((resolve) => this.#changed.push(resolve));
    }
  }

  #take(act: () => void): void {
    act();
    for (const wake of this.#changed.splice(0)) wake();
  }
}

/** Runs the command to its end. */
export function linger(
  t: TestContext,
  args: readonly string[],
  options?: LingerOptions,
): Promise<Finished> {
  return new Running(t, args, options).finished;
}

/** One line on stderr, nothing on stdout, this exit status. */
export function assertMistake(finished: Finished, code: number, pattern: RegExp): void {
  assert.match(finished.stderr, pattern);
  assert.match(finished.stderr, /^[^\n]+\n$/, "exactly one line");
  assert.equal(finished.stdout, "");
  assert.equal(finished.code, code);
}

/** A folder of its own for a test, gone with it. */
export function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "linger-test-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Two UDP ports that are free now. */
export async function freePorts(): Promise<[number, number]> {
  const sockets = [createSocket("udp4"), createSocket("udp4")];
  const ports = await Promise.all(
    sockets.map(async (socket) => {
      socket.bind(0, "127.0.0.1");
      await once(socket, "listening");
      return socket.address().port;
    }),
  );
  for (const socket of sockets) socket.close();
  const [near = 0, far = 0] = ports;
  return [near, far];
}

/** Reads until so many octets are there. */
export async function receive(connection: Connection, length: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for (let got = 0; got < length; got += chunks.at(-1)!.length) {
    const chunk = await connection.receive(length - got);
    assert.ok(chunk !== null, `the peer has closed after ${got} octets of ${length}`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** A stack at one end of a wire of datagrams, and what the command says to have the other end. */
export async function openFarStack(t: TestContext): Promise<{ stack: Stack; wire: string }> {
  const [near, far] = await freePorts();
  const remote = { host: "127.0.0.1", port: far };
  const wire = await openDatagram({ local: { port: near }, remote });
  const stack = Stack.create({ wire, address: "10.9.0.1/24", parameters: { rtoMinMs: 200 } });
  t.after(() => stack.close());
  return { stack, wire: `udp:${far}:127.0.0.1:${near}` };
}
