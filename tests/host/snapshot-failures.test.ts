/**
 * Snapshots where something fails: what cannot be saved goes on, what may have been saved does not,
 * and a stack whose wire goes away can still be put away.
 */
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, test, type TestContext } from "node:test";
import { VirtualClock } from "../../hal/host/clock.ts";
import { openSession, planSession } from "../../hal/host/cli/session.ts";
import { LingerError } from "../../hal/host/errors.ts";
import { LingerModule } from "../../hal/host/module.ts";
import { type SnapshotFiles, SnapshotStore } from "../../hal/host/snapshot/store.ts";
import { Stack } from "../../hal/host/stack.ts";
import type { Wire } from "../../hal/host/wire.ts";
import { WireEnds } from "../../hal/host/wire.ts";
import { connectStream, createMemoryPair } from "../../hal/host/wires/index.ts";
import { codeIn, connected, hashOf, patternOf, SERVER, Socket, twoStacks } from "./two-stacks.ts";

const PATH = "folder/asleep";

/** A disk that does everything but what is broken. */
class Disk implements SnapshotFiles {
  readonly files = new Map<string, Uint8Array>();
  readonly broken: Partial<Record<keyof SnapshotFiles, string | RegExp>> = {};

  read(path: string): Uint8Array {
    this.#check("read", path);
    const octets = this.files.get(path);
    if (octets === undefined) throw Object.assign(new Error("no file"), { code: "ENOENT" });
    return octets.slice();
  }

  /** A full disk takes what it has room for. */
  write(path: string, octets: Uint8Array): void {
    this.files.set(path, octets.slice(0, 100));
    this.#check("write", path);
    this.files.set(path, octets.slice());
  }

  sync(path: string): void {
    this.#check("sync", path);
  }

  rename(from: string, to: string): void {
    this.#check("rename", from);
    this.files.set(to, this.read(from));
    this.files.delete(from);
  }

  overwrite(path: string, octets: Uint8Array): void {
    this.#check("overwrite", path);
    const changed = this.read(path);
    changed.set(octets);
    this.files.set(path, changed);
  }

  remove(path: string): void {
    this.#check("remove", path);
    this.files.delete(path);
  }

  #check(operation: keyof SnapshotFiles, path: string): void {
    if (path.match(this.broken[operation] ?? /^$/)) throw new Error("broken disk");
  }
}

/** A connected pair whose server's wire can be plugged out, and a disk. */
function bedroom() {
  let socket!: Socket;
  let ends!: WireEnds;
  const lost = new LingerError("WIRE_CLOSED", "the wire is gone");
  let findsOut = false;
  /** A wire that goes away by itself, or finds out that it did when it sends. */
  const fragile = (inner: Wire): Wire => {
    ends = new WireEnds();
    inner.onFrame((frame) => ends.frame(frame));
    return {
      send: (frame) => {
        if (findsOut) ends.closed(lost);
        return ends.isClosed || inner.send(frame);
      },
      onFrame: (callback) => ends.setFrame(callback),
      onClose: (callback) => ends.setClose(callback),
      close: () => void (ends.closed(), inner.close()),
    };
  };
  const plug = (): Wire => fragile(socket.plug());
  const rig = twoStacks({
    latencyMs: 3,
    serverWire: (end) => ((socket = new Socket(end)), plug()),
  });
  const { near, far } = connected(rig);
  const disk = new Disk();
  return {
    ...{ rig, near, far, disk, store: new SnapshotStore(PATH, disk), plug },
    unplug: () => ends.closed(lost),
    unplugWhenItSends: () => (findsOut = true),
    plugIn: () => (findsOut = false),
  };
}

type Bedroom = ReturnType<typeof bedroom>;

/** The server goes on with what the store gives, and says what it has to say to the end. */
function assertGoesOn({ rig, near, store, plug, plugIn }: Bedroom, text: Uint8Array): void {
  plugIn();
  rig.clock.advance(500);
  const snapshot = store.take(LingerModule.load("default"));
  assert.ok(snapshot !== undefined);
  const options = { clock: rig.clock, profile: "default", sleptMs: 500 } as const;
  const again = Stack.restore(snapshot, { ...options, wire: plug() });
  const [connection] = again.openConnections();
  connection!.close();
  const come: Uint8Array[] = [];
  for (let turn = 0; turn < 60; turn++) {
    rig.clock.advance(1000);
    const chunk = near.read();
    if (chunk) come.push(chunk);
  }
  assert.equal(hashOf(Buffer.concat(come)), hashOf(text));
  assert.equal(near.read(), null);
  near.close();
  rig.clock.advance(1000);
  assert.equal(near.end, "CLOSED");
}

describe("a snapshot that cannot be saved", () => {
  const breaks: [string, Disk["broken"]][] = [
    ["the disk is full", { write: /new$/ }],
    ["nor be removed", { write: /new$/, remove: /./ }],
    ["no sync", { sync: /new$/ }],
    ["no rename", { rename: /./ }],
    ["no sync of the folder", { sync: dirname(PATH) + "$" }],
  ];
  for (const [what, broken] of breaks) {
    test(`${what}: the stack goes on, and nothing of it can be taken up`, () => {
      const room = bedroom();
      const { rig, near, far, disk, store } = room;
      const text = patternOf(9000);
      const half = far.write(text.subarray(0, 5000));
      Object.assign(disk.broken, broken);
      const save = (octets: Uint8Array) => store.save(octets);
      assert.equal(
        codeIn(() => rig.server.snapshot("kept", save)),
        "SNAPSHOT_FILE",
      );
      assert.equal(rig.server.isClosed, false);
      if (disk.broken.remove === undefined) assert.deepEqual([...disk.files], []);
      for (const path of disk.files.keys()) assert.equal(path, `${PATH}.new`);
      assert.equal(
        codeIn(() => store.take(LingerModule.load("default"))),
        "none",
      );
      rig.clock.advance(50);
      assert.equal(near.status().RECEIVE_QUEUED > 0, true, "its connection goes on");
      for (const name of Object.keys(broken)) delete disk.broken[name as keyof SnapshotFiles];
      assert.ok(far.write(text.subarray(half)) > 0);
      const written = text.subarray(0, far.bytesWritten);
      rig.server.snapshot("kept", save);
      assert.equal(rig.server.isClosed, true);
      assertGoesOn(room, written);
    });
  }

  test("nobody knows whether it is there: then the stack does not go on, and says nothing", () => {
    const room = bedroom();
    const { rig, near, disk, store } = room;
    Object.assign(disk.broken, { sync: new RegExp(`${dirname(PATH)}$`), overwrite: /./ });
    const save = (octets: Uint8Array) => store.save(octets);
    assert.equal(
      codeIn(() => rig.server.snapshot("kept", save)),
      "SNAPSHOT_DOUBTFUL",
    );
    assert.equal(rig.server.isClosed, true);
    rig.clock.advance(1000);
    assert.equal(near.end, undefined);
    for (const name of ["sync", "overwrite"] as const) delete disk.broken[name];
    assertGoesOn(room, new Uint8Array());
  });

  test("an older one stays until the new one is whole", () => {
    const { rig, disk, store } = bedroom();
    const older = Uint8Array.of(1, 2, 3);
    disk.files.set(PATH, older);
    disk.broken.write = /new$/;
    codeIn(() => rig.server.snapshot("kept", (octets) => store.save(octets)));
    assert.deepEqual([...disk.files], [[PATH, older]]);
  });

  test("what was taken and not taken up is put back without room on the disk", () => {
    const room = bedroom();
    const { rig, disk, store } = room;
    rig.server.snapshot("kept", (octets) => store.save(octets));
    const module = LingerModule.load("default");
    const snapshot = store.take(module);
    disk.broken.write = /./;
    store.putBack(snapshot!.slice());
    assert.deepEqual([...disk.files.keys()], [PATH]);
    assertGoesOn(room, new Uint8Array());
    assert.equal(store.take(module), undefined);
    disk.files.clear();
    assert.equal(
      codeIn(() => store.putBack(snapshot!)),
      "SNAPSHOT_FILE",
    );
  });
});

describe("a wire that goes away", () => {
  const ways: [string, (room: Bedroom) => void][] = [
    ["by itself", (room) => room.unplug()],
    ["which shows when it sends", (room) => room.unplugWhenItSends()],
  ];
  for (const [way, unplug] of ways) {
    test(`${way}: the stack can be put away, and goes on when there is another`, () => {
      const room = bedroom();
      const { rig, far, store } = room;
      const told: string[] = [];
      rig.server.on("unplugged", ({ code }) => {
        told.push(code);
        rig.server.snapshot("kept", (octets) => store.save(octets));
      });
      rig.server.on("close", (error) => told.push(`close ${error?.code}`));
      const text = patternOf(2000);
      assert.equal(far.write(text), text.length);
      unplug(room);
      rig.clock.advance(10);
      assert.deepEqual(told, ["WIRE_CLOSED", "close undefined"]);
      assertGoesOn(room, text);
    });

    test(`${way}: a stack that nobody puts away closes with that error`, () => {
      const room = bedroom();
      room.far.write("text");
      unplug(room);
      room.rig.clock.advance(10);
      assert.equal(room.far.end, "STACK_FAILED");
      assert.equal(
        codeIn(() => room.rig.server.counters()),
        "WIRE_CLOSED",
      );
    });
  }

  test("not while the stack closes: there is nothing to put away any more", () => {
    const room = bedroom();
    let told = 0;
    room.rig.server.on("unplugged", () => told++);
    room.unplugWhenItSends();
    room.rig.server.close();
    room.rig.clock.advance(10);
    assert.equal(told, 0);
  });
});

test("a clock that cannot have been right says nothing of how long it slept", () => {
  for (const [savedMs, wokenMs] of [
    [Date.UTC(1970, 0, 2), Date.UTC(2026, 0, 1)],
    [Date.UTC(2026, 0, 1), Date.UTC(1970, 0, 2)],
  ] as const) {
    const stackOf = (originMs: number) => {
      const clock = new VirtualClock({ originMs });
      const [wire] = createMemoryPair({ clock, latencyMs: 1 });
      return { clock, wire, profile: "default" } as const;
    };
    const asleep = stackOf(savedMs);
    const stack = Stack.create({ ...asleep, address: `${SERVER}/24` });
    stack.connect("10.9.0.1", 7);
    asleep.clock.advance(10);
    const snapshot = stack.snapshot();
    const awake = stackOf(wokenMs);
    const again = Stack.restore(snapshot, awake);
    awake.clock.advance(10);
    assert.equal(again.openConnections()[0]!.status().stateName, "SYN_SENT");
  }
});

describe("a signal while the wire opens", () => {
  const folderOf = (t: TestContext): string => {
    const folder = mkdtempSync(join(tmpdir(), "linger-test-"));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    return folder;
  };

  for (const isStopped of [true, false]) {
    const what = isStopped ? "leaves the snapshot where it is" : "did not come: it is taken";
    test(what, async (t) => {
      const folder = folderOf(t);
      const store = new SnapshotStore(join(folder, "asleep"));
      store.save(bedroom().rig.server.snapshot());
      const before = readFileSync(store.path);
      const path = join(folder, "wire");
      const address = `${SERVER}/24`;
      const wire = `stream-listen:unix:${path}`;
      const plan = planSession({ wire, ip: address, profile: "default" });
      const interrupt = { isRequested: false };
      const opening = openSession(plan, interrupt, { store, check: () => undefined });
      const refused = isStopped
        ? assert.rejects(opening, /stopped before its wire was open/)
        : Promise.resolve();
      // The signal comes first, and in the same turn the other side, for which the wire waits.
      interrupt.isRequested = isStopped;
      const far = await connectStream({ path });
      t.after(() => far.close());
      await refused;
      if (isStopped) {
        assert.deepEqual(readdirSync(folder), ["asleep"]);
        assert.ok(readFileSync(store.path).equals(before));
      } else {
        const { stack } = await opening;
        assert.deepEqual(readdirSync(folder), ["asleep.used"]);
        assert.equal(stack.openConnections().length, 1);
        stack.close();
      }
    });
  }
});
