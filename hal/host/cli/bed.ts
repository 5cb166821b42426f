/**
 * `--snapshot FILE`: where the stack of a command sleeps between two runs, and how it gets there.
 *
 * Called by serve and run. What cannot be put away goes on, so that no connection is lost for want
 * of room on a disk.
 */
import { accessSync, constants, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { LingerError } from "../errors.ts";
import { SnapshotStore } from "../snapshot/store.ts";
import type { Stack } from "../stack.ts";
import { checkWritable, CommandError, complain, stackFailure, UsageError } from "./command.ts";
import type { Interrupt } from "./interrupt.ts";
import type { StatusReporter } from "./status-report.ts";

/** Where a stack may sleep between two runs of a command. */
export interface Bed {
  store: SnapshotStore;
  /** Throws if this command cannot go on with what one like it has kept. */
  check(kept: unknown): void;
}

/** The bed for `--snapshot FILE`, if nothing stands against it. */
export function planBed(path: string, record: string | undefined, check: Bed["check"]): Bed {
  if (record !== undefined && resolve(record) === resolve(path)) {
    throw new UsageError("--record and --snapshot need a file each");
  }
  checkWritable(path, "--snapshot", "snapshot");
  checkFolder(path);
  return { store: new SnapshotStore(path), check };
}

/** Files come and go beside it, and another one takes its place: it must be one itself. */
function checkFolder(path: string): void {
  try {
    const found = statSync(path, { throwIfNoEntry: false });
    if (found?.isFile() === false) throw new Error("it is no ordinary file");
    statSync(`${path}.used`, { throwIfNoEntry: false }); // is there room for the longest name?
    accessSync(dirname(path), constants.W_OK);
  } catch (error) {
    throw new CommandError(`cannot write the snapshot ${path}: ${(error as Error).message}`);
  }
}

/** Puts a stack away and says so in one line; throws if `save` does, and the stack goes on. */
export type PutAway = (save: (octets: Uint8Array) => void) => string;

export interface Goodnight {
  /** Who says what goes wrong. */
  command: string;
  stack: Stack;
  interrupt: Interrupt;
  bed: Bed;
  reporter: StatusReporter;
  putAway: PutAway;
}

/**
 * Waits for a signal, and has the stack put away. If that fails the stack goes on; at the next
 * signal it is tried once more, and what it throws then ends the command. If the wire goes away the
 * stack is put away, too, and this throws what happened.
 */
export async function untilAsleep(goodnight: Goodnight): Promise<void> {
  const { command, stack, interrupt, bed, reporter } = goodnight;
  const putAway = (): string =>
    goodnight.putAway((octets) => {
      bed.store.save(octets);
      reporter.atEnd(); // while its connections are still there
    });
  let unplugged: CommandError | undefined;
  stack.once("unplugged", (error) => {
    unplugged = new CommandError(`${error.message}: ${lineOf(putAway)}`);
  });
  for (let isLast = false; ; isLast = true) {
    await untilSignal(stack, interrupt).catch((lost: unknown) => {
      throw unplugged ?? lost;
    });
    try {
      console.log(putAway());
      return;
    } catch (error) {
      if (!(error instanceof LingerError) || isLast || stack.isClosed) throw error;
      const next = "the next signal tries once more, and ends it either way";
      complain(`linger ${command}: ${error.message}: it goes on; ${next}`);
      interrupt.rearm();
    }
  }
}

/** What was done, or why it was not. */
function lineOf(putAway: () => string): string {
  try {
    return putAway();
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Throws the line that a command ends with if its stack loses its wire, or traps. */
export async function untilSignal(stack: Stack, interrupt: Interrupt): Promise<void> {
  const closed = stack.closed.then((error) => ({ error }));
  const lost = await Promise.race([interrupt.requested, closed]);
  if (lost !== undefined) throw stackFailure(lost.error);
}
