/**
 * SIGINT and SIGTERM: the first asks the command to close what it has open, the second ends the
 * process at once.
 *
 * Called by the commands that run until they are stopped. Capture files are flushed on exit.
 */

/** Exit status of a program that ended on SIGINT: 128 + 2. */
export const INTERRUPTED = 130;

export interface Interrupt {
  /** Resolves on the first signal, and after `rearm` on the next one. */
  readonly requested: Promise<void>;
  readonly isRequested: boolean;
  /** What was asked for could not be done: the next signal is a first one again. */
  rearm(): void;
  /** Stops listening for signals. */
  dispose(): void;
}

export function watchInterrupt(): Interrupt {
  let isRequested = false;
  let resolveRequested!: () => void;
  const newRequest = () => new Promise<void>((resolve) => (resolveRequested = resolve));
  let requested = newRequest();
  const onSignal = (): void => {
    if (isRequested) process.exit(INTERRUPTED);
    isRequested = true;
    resolveRequested();
  };
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onSignal);
  return {
    get requested() {
      return requested;
    },
    get isRequested() {
      return isRequested;
    },
    rearm() {
      isRequested = false;
      requested = newRequest();
    },
    dispose() {
      process.off("SIGINT", onSignal);
      process.off("SIGTERM", onSignal);
    },
  };
}

/**
 * What `opening` gives, or undefined if a signal came first: a wire may wait for its other side for
 * ever. What opens too late is closed.
 */
export async function openUnlessInterrupted<T extends { close(): void }>(
  opening: Promise<T>,
  interrupt: Interrupt,
): Promise<T | undefined> {
  const opened = await Promise.race([opening, interrupt.requested.then(() => undefined)]);
  if (opened === undefined) opening.then((late) => late.close()).catch(() => undefined);
  return opened;
}
