/**
 * The one kind of error that the host emulator throws on purpose.
 *
 * Thrown by every file here. Never carries more than one line, so that a command can print
 * `error.message` as it is.
 */
import { EndReason, Status } from "./abi.ts";

/** A status below 0 that a call of the module returned, by name. */
export type StatusName = Exclude<keyof typeof Status, "OK">;

/** How a connection ended, by name (`hal/README.md`, EndReason). */
export type EndReasonName = Exclude<keyof typeof EndReason, "NONE">;

/** What `LingerError.code` can be. */
export type LingerErrorCode =
  /** The module refused a call; see `Status` in `hal/README.md`. */
  | StatusName
  /** The connection was used after this end: CONNECTION_RESET, CONNECTION_TIMED_OUT, … */
  | `CONNECTION_${EndReasonName}`
  /** The connection's handle was given back before it had ended. */
  | "CONNECTION_RELEASED"
  /** No file, or not readable, or not a WebAssembly module. */
  | "MODULE_NOT_FOUND"
  | "MODULE_INVALID"
  /** A Linger module, but of another version of the boundary. */
  | "MODULE_ABI"
  /** An application module's `appInit` refused. */
  | "MODULE_REFUSED"
  /** The module trapped: a bug in it. Its stack is dead. */
  | "MODULE_TRAP"
  /** An export was called from within an import. */
  | "MODULE_REENTERED"
  /** The stack was closed, by `close()` or since its wire went away. */
  | "STACK_CLOSED"
  /** The application inside the module owns the connections. */
  | "STACK_IN_MODULE"
  | "PING_TIMEOUT"
  /** The other end of a wire went away, cannot be reached, or talks nonsense. */
  | "WIRE_CLOSED"
  | "WIRE_REFUSED"
  | "WIRE_IN_USE"
  | "WIRE_FAILED"
  | "WIRE_PROTOCOL"
  | "TAP_UNSUPPORTED"
  | "TAP_NAME"
  | "TAP_PERMISSION"
  | "TAP_BUSY"
  | "TAP_MISSING"
  | "TAP_FAILED"
  | "PCAP_FILE"
  | "PCAP_FORMAT"
  | "RECORDING_FILE"
  | "RECORDING_FORMAT"
  /** A snapshot's file cannot be read or written. */
  | "SNAPSHOT_FILE"
  /** It may be in its file or not: nothing else may go on with its connections. */
  | "SNAPSHOT_DOUBTFUL"
  /** Damaged, cut off, or no snapshot at all. */
  | "SNAPSHOT_FORMAT"
  /** Of another version of the format, or of the boundary. */
  | "SNAPSHOT_VERSION"
  /** Of another module or profile. */
  | "SNAPSHOT_MODULE"
  /** Something in an options object is out of its range. */
  | "BAD_OPTION"
  /** Virtual time does not move: timers of delay 0 set one another for ever. */
  | "CLOCK_LIVELOCK";

/** An error with a stable `code` and a message of one line that says what to do. */
export class LingerError extends Error {
  override readonly name = "LingerError";
  readonly code: LingerErrorCode;

  constructor(code: LingerErrorCode, message: string, options?: ErrorOptions) {
    super(message.replaceAll(/\s*\n\s*/g, " "), options);
    this.code = code;
  }
}

const STATUS_TEXT: Record<StatusName, string> = {
  BAD_HANDLE: "the handle was never given out, or was released",
  BAD_ARGUMENT: "an argument is out of its range",
  WOULD_BLOCK: "nothing can be done now",
  CONNECTION_CLOSING: "this side of the connection is closed for sending",
  CONNECTION_ENDED: "the connection has ended, or is closed for reading",
  NO_RESOURCES: "the stack has no free entry left for this",
  ADDRESS_IN_USE: "the local port, or this pair of addresses and ports, is in use",
  BAD_ADDRESS: "this address cannot be used here",
  NOT_CONFIGURED: "the stack has no address yet",
  UNREACHABLE: "the network has no way to this address",
  NOT_SUPPORTED: "this build of the module leaves that out",
};

/** The name of a status below 0, or undefined for a number that is none. */
export function statusName(status: number): StatusName | undefined {
  for (const [name, value] of Object.entries(Status)) {
    if (value === status && name !== "OK") return name as StatusName;
  }
  return undefined;
}

/** The error for a status below 0 that `what` was answered with. */
export function statusError(status: number, what: string): LingerError {
  const name = statusName(status);
  if (name === undefined) {
    return new LingerError("MODULE_INVALID", `${what}: the module answered ${status}`);
  }
  return new LingerError(name, `${what}: ${STATUS_TEXT[name]}`);
}

/** Returns `result` unless it is a status below 0, which is thrown. */
export function checkStatus(result: number, what: string): number {
  if (result < 0) throw statusError(result, what);
  return result;
}

/** The `code` of a Node system error (ECONNREFUSED …), or undefined for anything else. */
export function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}
