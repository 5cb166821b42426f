/**
 * SIGINT and SIGTERM: the first asks the command to close what it has open, the second ends the
 * process at once.
 *
 * Called by the commands that run until they are stopped. Capture files are flushed on exit.
 */

/** Exit status of a program that ended on SIGINT: 128 + 2. */
export const INTERRUPTED = 130;

export interface Interrupt {
  /** Resolves on the first signal. */
  readonly requested: Promise<void>;
  readonly isRequested: boolean;
  /** Stops listening for signals. */
  dispose(): void;
}

export function watchInterrupt(): Interrupt {
  let isRequested = false;
  let resolveRequested!: () => void;
  const requested = new Promise<void>((resolve) => (resolveRequested = resolve));
  const onSignal = (): void => {
    if (isRequested) process.exit(INTERRUPTED);
    isRequested = true;
    resolveRequested();
  };
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onSignal);
  return {
    requested,
    get isRequested() {
      return isRequested;
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
