/**
 * Snapshots: a stack that is put away and taken up again goes on with its connections; what does
 * not fit is refused; the store gives a snapshot once, wherever the power is cut.
 *
 * SNAPSHOT_POINTS says how many random moments are tried; a failure names its seed.
 */
import assert from "node:assert/strict";
import { dirname } from "node:path";
import { describe, test } from "node:test";
import type { Connection } from "../../hal/host/connection.ts";
import { SeededEntropy } from "../../hal/host/entropy.ts";
import { LingerModule, type Profile } from "../../hal/host/module.ts";
import { checkOf } from "../../hal/host/recording/format.ts";
import { type SnapshotFiles, SnapshotStore } from "../../hal/host/snapshot/store.ts";
import { Stack } from "../../hal/host/stack.ts";
import type { Wire } from "../../hal/host/wire.ts";
import { WireEnds } from "../../hal/host/wire.ts";
import { createMemoryPair } from "../../hal/host/wires/index.ts";
import { doctored } from "./doctored-module.ts";
import {
  codeIn,
  connected,
  hashOf,
  patternOf,
  PORT,
  PROFILES,
  type Rig,
  Socket,
  twoStacks,
} from "./two-stacks.ts";

const POINTS = Number(process.env["SNAPSHOT_POINTS"] ?? 60);

interface Sleeper {
  rig: Rig;
  near: Connection;
  far: Connection;
  /** Sleeps and wakes the server; the far connection of afterwards. */
  sleep: (ms: number, known?: boolean) => Connection;
  server: () => Stack;
}

/** A connected pair whose server can be put to sleep. */
function sleeper(profile: Profile, seed: number, startMs = 0): Sleeper {
  let socket: Socket | undefined;
  const serverWire = (end: Wire) => (socket = new Socket(end)).plug();
  const base = twoStacks({ profile, seed, startMs, serverWire, latencyMs: 3 });
  const { near, far } = connected(base);
  let server = base.server;
  const sleep = (ms: number, known = true): Connection => {
    const snapshot = server.snapshot();
    base.clock.advance(ms);
    const options = { profile, clock: base.clock, entropy: new SeededEntropy(seed + 2) };
    const sleptMs = known ? ms : 0;
    server = Stack.restore(snapshot, { ...options, wire: socket!.plug(), sleptMs });
    const [connection] = server.openConnections();
    assert.ok(connection !== undefined);
    return connection;
  };
  return { rig: base, near, far, sleep, server: () => server };
}

/** One turn of an echo that keeps nothing outside of the module. */
function echo(far: Connection): void {
  for (;;) {
    const come = far.isReleased ? undefined : far.peek();
    if (come === null) return far.closeWrite();
    if (come === undefined) return;
    const taken = far.write(come);
    far.consume(taken);
    if (taken === 0) return;
  }
}

/** What came back, once all of it was echoed, or the connection ended. */
function echoAll(state: Sleeper, text: Uint8Array, sleepAt: number, sleepMs: number) {
  const { near, rig } = state;
  const back: Uint8Array[] = [];
  let { far } = state;
  let sent = 0;
  let returned = 0;
  let wasBusy = false;
  for (let turn = 0; turn < 100_000 && returned < text.length; turn++) {
    if (turn === sleepAt) {
      wasBusy = near.status().SEND_QUEUED > 0 && far.status().SEND_QUEUED > 0;
      far = state.sleep(sleepMs);
    }
    if (near.end !== undefined) break;
    if (sent < text.length) sent += near.write(text.subarray(sent, sent + 3000));
    if (far.end === undefined) echo(far);
    const chunk = near.read();
    if (chunk) back.push(chunk);
    returned += chunk?.length ?? 0;
    rig.clock.advance(turn < 500 ? 1 : 1000);
  }
  return { back: Buffer.concat(back), far, wasBusy };
}

describe("a connection across a sleep", () => {
  for (const profile of PROFILES) {
    test(`${profile}: random moments of an echo, random sleeps, byte for byte`, () => {
      const text = patternOf(40_000);
      let bothWays = 0;
      const count = profile === "host" ? Math.ceil(POINTS / 20) : POINTS / 2;
      for (let seed = 1; seed <= count; seed++) {
        const entropy = new SeededEntropy(seed);
        const startMs = entropy.below(2) === 0 ? 0 : 2 ** 32 - 5050 - entropy.below(300);
        const state = sleeper(profile, seed, startMs);
        const longest = [10, 1000, 30_000, 250_000][entropy.below(4)]!;
        const { back, wasBusy } = echoAll(state, text, entropy.below(60), entropy.below(longest));
        if (wasBusy) bothWays++;
        assert.equal(hashOf(back), hashOf(text), `seed ${seed}`);
      }
      if (profile === "host") return; // its rings take all of it in a few turns
      assert.ok(bothWays > count / 4, `${bothWays} of ${count} with data in flight both ways`);
    });
  }

  test("past the user timeout both sides are told, nothing comes that was not sent", () => {
    const text = patternOf(40_000);
    let busy = 0;
    for (let seed = 1; seed <= 20; seed++) {
      const state = sleeper("default", seed);
      const { back, far, wasBusy } = echoAll(state, text, 3 + seed, 400_000 + seed * 1000);
      state.rig.clock.advance(400_000);
      assert.deepEqual(back, Buffer.from(text.subarray(0, back.length)));
      const { near } = state;
      if (near.end === undefined && far.end === undefined) {
        assert.equal(back.length, text.length);
        continue;
      }
      if (wasBusy) busy++;
      if (near.end === undefined) near.write("?"); // who has nothing to say learns it by asking
      state.rig.clock.advance(1000);
      assert.match(`${near.end}`, /^(TIMED_OUT|UNREACHABLE|RESET)$/);
      assert.match(`${far.end}`, /^(TIMED_OUT|UNREACHABLE|RESET)$/);
    }
    assert.ok(busy > 0);
  });

  test("an idle peer is asked within two seconds, and keep-alive is off again then", () => {
    const state = sleeper("default", 1);
    const far = state.sleep(3_600_000);
    const before = state.rig.client.counters().SEGMENTS_IN;
    state.rig.clock.advance(2000);
    assert.ok(state.rig.client.counters().SEGMENTS_IN > before);
    assert.equal(far.status().KEEP_ALIVE, 0);
    assert.equal(far.end, undefined);
    const after = state.rig.client.counters().SEGMENTS_IN;
    state.rig.clock.advance(7_300_000);
    assert.equal(state.rig.client.counters().SEGMENTS_IN, after);
  });

  for (const profile of PROFILES) {
    test(`${profile}: an idle peer is asked at once, and only once while it answers`, () => {
      const { rig, sleep } = sleeper(profile, 1);
      const before = rig.client.counters().SEGMENTS_IN;
      assert.equal(sleep(60_000).end, undefined);
      rig.clock.advance(3);
      assert.equal(rig.client.counters().SEGMENTS_IN, before + 1);
      rig.clock.advance(100);
      assert.equal(rig.client.counters().SEGMENTS_IN, before + 1);
    });
  }

  test("a peer that is gone is found out", () => {
    const state = sleeper("default", 1);
    state.rig.client.close();
    const far = state.sleep(1000);
    state.rig.clock.advance(120_000);
    assert.equal(far.end, "UNREACHABLE"); // nobody answers ARP either
  });

  test("keep-alive stays as the application had set it", () => {
    const state = sleeper("default", 1);
    state.far.setKeepAlive(true, { idleMs: 60_000 });
    state.sleep(1000);
    state.rig.clock.advance(5000);
    const before = state.rig.client.counters().SEGMENTS_IN;
    state.rig.clock.advance(50_000);
    assert.equal(state.rig.client.counters().SEGMENTS_IN, before);
    state.rig.clock.advance(10_000);
    assert.equal(state.rig.client.counters().SEGMENTS_IN, before + 1);
  });

  test("a sleep of which nobody knows how long it was is none for the module", () => {
    const state = sleeper("default", 1);
    const far = state.sleep(100_000, false);
    assert.ok(far.status().SILENCE_MS < 10_000);
  });

  test("a listener goes on too", () => {
    const state = sleeper("default", 1);
    state.server().listen(PORT + 1);
    state.sleep(5000);
    const [listener] = state.server().openListeners();
    assert.equal(listener?.port, PORT + 1);
    let accepted = 0;
    listener.on("connection", () => (accepted += 1));
    state.rig.client.connect(state.server().address, PORT + 1);
    state.rig.clock.advance(1000);
    assert.equal(accepted, 1);
  });

  test("what the program keeps beside the stack comes back to it", () => {
    const { rig } = sleeper("default", 1);
    assert.equal(rig.server.kept, undefined);
    const [wire] = createMemoryPair({ clock: rig.clock, latencyMs: 1 });
    const loop: unknown[] = [];
    loop.push(loop);
    assert.throws(() => rig.server.snapshot(loop), TypeError);
    assert.equal(rig.server.isClosed, false, "what is no JSON leaves the stack alone");
    const snapshot = rig.server.snapshot({ text: "schön", list: [1, null] });
    const options = { wire, clock: rig.clock, profile: "default" } as const;
    assert.deepEqual(Stack.restore(snapshot, options).kept, { text: "schön", list: [1, null] });
  });

  test("the stack that was put away is closed, and says nothing to its peers", () => {
    const { rig, near } = sleeper("default", 1);
    const before = rig.client.counters().FRAMES_IN;
    rig.server.snapshot();
    rig.clock.advance(1000);
    assert.equal(rig.server.isClosed, true);
    assert.equal(rig.client.counters().FRAMES_IN, before);
    assert.equal(near.end, undefined);
    assert.equal(
      codeIn(() => rig.server.snapshot()),
      "STACK_CLOSED",
    );
  });
});

describe("what does not fit is refused", () => {
  const restore = (octets: Uint8Array, profile: Profile = "default") => {
    const ends = new WireEnds();
    let isClosed = false;
    const wire: Wire = {
      send: () => true,
      onFrame: (callback) => ends.setFrame(callback),
      onClose: (callback) => ends.setClose(callback),
      close: () => void (isClosed = true),
    };
    const code = codeIn(() => Stack.restore(octets, { wire, profile }).close());
    assert.equal(isClosed, true);
    return code;
  };
  const snapshot = sleeper("default", 1).rig.server.snapshot();

  test("another profile, another version, none at all", () => {
    const once = snapshot.slice();
    assert.equal(restore(once), "none");
    assert.equal(restore(once), "SNAPSHOT_FORMAT", "restored twice");
    assert.equal(restore(snapshot, "tiny"), "SNAPSHOT_MODULE");
    assert.equal(restore(new Uint8Array(5)), "SNAPSHOT_FORMAT");
    for (const place of [8, 12]) {
      const other = new Uint8Array(snapshot);
      other[place]! += 1;
      const view = new DataView(other.buffer);
      view.setUint32(other.length - 4, checkOf(other.subarray(0, -4)), true);
      assert.equal(restore(other), "SNAPSHOT_VERSION");
    }
  });

  test("a module whose memory is not all of its state, and the stack goes on", () => {
    const module = LingerModule.load(doctored("countingApplication"));
    const rig = twoStacks({ server: { module } });
    assert.equal(
      codeIn(() => rig.server.snapshot()),
      "SNAPSHOT_MODULE",
    );
    const connection = rig.client.connect(rig.server.address, PORT);
    rig.clock.advance(1000);
    assert.equal(connection.read()?.length, 1);
  });

  test("a snapshot with the part of another HAL", () => {
    const other = new Uint8Array(snapshot);
    const view = new DataView(other.buffer);
    other[view.getUint16(10, true)] = 0x3f;
    view.setUint32(other.length - 4, checkOf(other.subarray(0, -4)), true);
    assert.equal(restore(other), "SNAPSHOT_FORMAT");
  });

  test("cut off anywhere, or an octet damaged anywhere", () => {
    const module = LingerModule.load("default");
    const take = (octets: Uint8Array) => {
      const nothing = (): void => undefined;
      const ignored = { write: nothing, sync: nothing, rename: nothing, overwrite: nothing };
      const files = { ...ignored, read: () => octets, remove: nothing };
      return codeIn(() => new SnapshotStore("a/b", files).take(module));
    };
    for (let at = 0; at < snapshot.length; at += at < 200 ? 1 : 37) {
      assert.equal(take(snapshot.slice(0, at)), "SNAPSHOT_FORMAT");
      const damaged = new Uint8Array(snapshot);
      damaged[at]! ^= 1 << (at % 8);
      assert.match(take(damaged), /^SNAPSHOT_(FORMAT|VERSION)$/, `octet ${at}`);
    }
    assert.equal(take(snapshot), "none");
  });
});

/** A disk whose power fails after so many operations; what was not synced is lost, or is not. */
class Disk implements SnapshotFiles {
  readonly now = new Map<string, Uint8Array>();
  operations = 0;
  #left: number;
  readonly #isLucky: boolean;
  #safe = new Map<string, Uint8Array>();

  constructor(files: ReadonlyMap<string, Uint8Array>, cutAfter: number, isLucky: boolean) {
    for (const [path, octets] of files) this.now.set(path, octets);
    this.#safe = new Map(files);
    this.#left = cutAfter;
    this.#isLucky = isLucky;
  }

  /** What is there when the power is back. */
  afterwards(): Map<string, Uint8Array> {
    return new Map(this.#isLucky ? this.now : this.#safe);
  }

  read(path: string): Uint8Array {
    this.#spend();
    const octets = this.now.get(path);
    if (octets !== undefined) return octets;
    throw Object.assign(new Error("no such file"), { code: "ENOENT" });
  }

  write(path: string, octets: Uint8Array): void {
    this.now.set(path, octets.slice(0, octets.length / 2));
    this.#spend();
    this.now.set(path, octets);
  }

  rename(from: string, to: string): void {
    this.#spend();
    const octets = this.now.get(from)!;
    this.now.delete(from);
    // Before a sync the name may be there and the octets not.
    const isSynced = this.#safe.get(from) === octets;
    this.now.set(to, isSynced ? octets : octets.slice(0, octets.length / 2));
  }

  overwrite(path: string, octets: Uint8Array): void {
    this.#spend();
    const changed = new Uint8Array(this.now.get(path)!);
    changed.set(octets);
    this.now.set(path, changed);
  }

  remove(path: string): void {
    this.#spend();
    this.now.delete(path);
  }

  sync(path: string): void {
    this.#spend();
    if (this.now.has(path)) this.#safe.set(path, this.now.get(path)!);
    else if ([...this.now.keys()].some((file) => dirname(file) === path))
      this.#safe = new Map(this.now);
  }

  #spend(): void {
    if (this.#left-- <= 0) throw new Error("the power is gone");
    this.operations++;
  }
}

describe("the store", () => {
  const module = LingerModule.load("default");
  const older = sleeper("default", 1).rig.server.snapshot();
  const newer = sleeper("default", 2).rig.server.snapshot();
  const path = "folder/snapshot";

  for (const isLucky of [false, true]) {
    const lost = isLucky ? "kept" : "lost";
    test(`power cut at each point of a save, the rest ${lost}: one whole snapshot`, () => {
      for (const before of [undefined, older]) {
        for (let cut = 0; cut <= 4; cut++) {
          const files = new Map(before === undefined ? [] : [[path, before]]);
          const disk = new Disk(files, cut, isLucky);
          const code = codeIn(() => new SnapshotStore(path, disk).save(newer));
          // With the power gone nobody can take back what has its name.
          const codes = ["SNAPSHOT_FILE", "SNAPSHOT_FILE", "SNAPSHOT_FILE", "SNAPSHOT_DOUBTFUL"];
          assert.equal(code, codes[cut] ?? "none");
          const after = new Disk(disk.afterwards(), 9, true);
          const taken = new SnapshotStore(path, after).take(module);
          assert.ok(taken === before || taken === newer, `cut ${cut}`);
          if (cut === 4) assert.equal(taken, newer);
        }
      }
    });

    test(`power cut at each point of a take, the rest ${lost}: given once at most`, () => {
      for (let cut = 0; cut <= 4; cut++) {
        const disk = new Disk(new Map([[path, newer]]), cut, isLucky);
        let given = 0;
        codeIn(() => (given += new SnapshotStore(path, disk).take(module) ? 1 : 0));
        assert.equal(given, cut >= 3 ? 1 : 0);
        const store = new SnapshotStore(path, new Disk(disk.afterwards(), 9, true));
        given += store.take(module) ? 1 : 0;
        assert.ok(given <= 1);
        assert.equal(store.take(module), undefined);
      }
    });
  }
});
