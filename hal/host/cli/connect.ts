/**
 * `linger connect HOST PORT`: a connection between stdin and stdout, as nc makes it. End-of-file on
 * stdin closes the sending side; receiving goes on until the other side has closed too.
 */
import { once } from "node:events";
import type { Connection, ConnectionEnd } from "../connection.ts";
import type { ConnectOptions } from "../stack.ts";
import {
  type Command,
  expectPositionals,
  parseCommandLine,
  parseInteger,
  parsePort,
  stackFailure,
} from "./command.ts";
import { INTERRUPTED, openUnlessInterrupted, watchInterrupt } from "./interrupt.ts";
import { openSession, parseHost, planSession, SESSION_HELP, SESSION_OPTIONS } from "./session.ts";
import { STATUS_HELP, STATUS_OPTION, type StatusReporter, watchStatus } from "./status-report.ts";

/** The range of the module's user timeout (`hal/README.md`, Option). */
const TIMEOUT_RANGE = { min: 1000, max: 86_400_000 };

/** What each end of a connection means for the exit status, and what is said about it. */
const ENDS: Record<ConnectionEnd, { exitCode: number; text: string }> = {
  CLOSED: { exitCode: 0, text: "closed" },
  RELEASED: { exitCode: 1, text: "was given up" },
  RESET: { exitCode: 3, text: "was reset by the other side" },
  REFUSED: { exitCode: 4, text: "was refused" },
  UNREACHABLE: { exitCode: 5, text: "ended: the other side is unreachable" },
  TIMED_OUT: { exitCode: 6, text: "timed out" },
  ABORTED: { exitCode: 7, text: "was aborted here" },
  EVICTED: { exitCode: 7, text: "was aborted here: it got nowhere, and others needed its place" },
  STACK_CLOSED: { exitCode: 1, text: "ended: the wire was closed" },
  STACK_FAILED: { exitCode: 1, text: "ended: the stack failed" },
};

export const connectCommand: Command = {
  name: "connect",
  summary: "connect to HOST PORT; stdin goes there, what comes goes to stdout",
  help: `linger connect HOST PORT --wire SPEC --ip ADDRESS[/LEN] [options]

HOST is an IPv4 address. End-of-file on stdin closes the sending side (FIN); receiving goes on until
the other side closes. SIGINT closes the connection, a second one ends at once.

Exit status: 0 closed by both sides, 1 other failures, 2 wrong usage, 3 reset by the other side,
4 refused, 5 unreachable, 6 timed out, 7 aborted here, 130 interrupted.

  --local-port PORT    default: one is drawn
  --timeout MS         give up when nothing is acknowledged for so long, 1000 to 86400000 (300000)
  --no-delay           send small segments at once: turns Nagle's algorithm off
  --verbose            say on stderr when it is connected and how it ended
${STATUS_HELP}

${SESSION_HELP}`,
  run,
};

async function run(args: string[]): Promise<number> {
  const { values, positionals } = parseCommandLine(args, {
    ...SESSION_OPTIONS,
    "local-port": { type: "string" },
    timeout: { type: "string" },
    "no-delay": { type: "boolean" },
    verbose: { type: "boolean" },
    ...STATUS_OPTION,
  });
  const [hostText = "", portText = ""] = expectPositionals(positionals, ["HOST", "PORT"]);
  const host = parseHost(hostText, "HOST");
  const port = parsePort(portText, "PORT");
  const options: ConnectOptions = { noDelay: values["no-delay"] === true };
  if (values["local-port"] !== undefined) {
    options.localPort = parsePort(values["local-port"], "--local-port");
  }
  if (values.timeout !== undefined) {
    options.userTimeoutMs = parseInteger(values.timeout, "--timeout", TIMEOUT_RANGE);
  }
  const plan = planSession(values);
  const interrupt = watchInterrupt();
  const session = await openUnlessInterrupted(openSession(plan, interrupt), interrupt);
  if (session === undefined) return INTERRUPTED;
  let reporter: StatusReporter | undefined;
  try {
    const connection = session.stack.connect(host, port, options);
    reporter = watchStatus(session.stack, values.status === true, connection);
    void interrupt.requested.then(() => connection.close());
    const end = await converse(connection, values.verbose === true);
    reporter.atEnd();
    if (interrupt.isRequested) return INTERRUPTED;
    if (end === "STACK_CLOSED" || end === "STACK_FAILED") {
      throw stackFailure(await session.stack.closed);
    }
    const { exitCode, text } = ENDS[end];
    const line = `linger connect: the connection to ${host}:${port} ${text}`;
    if (exitCode !== 0 || values.verbose === true) console.error(line);
    return exitCode;
  } finally {
    reporter?.dispose();
    session.close();
    interrupt.dispose();
  }
}

/** Both directions until the connection is over and all that came is written out. */
async function converse(connection: Connection, verbose: boolean): Promise<ConnectionEnd> {
  const connected = await connection.connected.then(
    () => true,
    () => false,
  );
  if (!connected) return connection.ended;
  if (verbose) console.error(`linger connect: connected from port ${connection.localPort}`);
  const sending = sendStdin(connection);
  // A failed direction shows in how the connection ended; there is nothing else to say about it.
  await receiveToStdout(connection).catch(() => connection.close());
  const end = await connection.ended;
  process.stdin.destroy();
  await sending.catch(() => undefined);
  return end;
}

async function sendStdin(connection: Connection): Promise<void> {
  for await (const chunk of process.stdin) await connection.writeAll(chunk as Buffer);
  connection.closeWrite();
}

async function receiveToStdout(connection: Connection): Promise<void> {
  for await (const chunk of connection) {
    if (!process.stdout.write(chunk)) await once(process.stdout, "drain");
  }
  if (process.stdin.isTTY === true && !process.stdin.readableEnded) {
    console.error("linger connect: the other side has closed; end of file (^D) closes this one");
  }
}
