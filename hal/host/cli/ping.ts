/**
 * `linger ping HOST`: ICMP echo requests from the stack, one after the other.
 */
import { LingerError } from "../errors.ts";
import type { Stack } from "../stack.ts";
import {
  type Command,
  expectPositionals,
  parseCommandLine,
  parseInteger,
  stackFailure,
} from "./command.ts";
import { INTERRUPTED, type Interrupt, openUnlessInterrupted, watchInterrupt } from "./interrupt.ts";
import {
  openSession,
  parseHost,
  planSession,
  type Session,
  SESSION_HELP,
  SESSION_OPTIONS,
} from "./session.ts";

export const pingCommand: Command = {
  name: "ping",
  summary: "send ICMP echo requests to HOST",
  help: `linger ping HOST --wire SPEC --ip ADDRESS[/LEN] [options]

Exit status: 0 if a reply came, 1 if none did.

  --count N            requests to send, 1 to 1000000 (4)
  --interval MS        pause between two of them, 0 to 3600000 (1000)
  --timeout MS         how long to wait for each reply, 1 to 3600000 (1000)
  --size OCTETS        data in each request, 0 to 1472 (56)

${SESSION_HELP}`,
  run,
};

interface PingPlan {
  host: string;
  count: number;
  intervalMs: number;
  timeoutMs: number;
  octets: number;
}

async function run(args: string[]): Promise<number> {
  const { values, positionals } = parseCommandLine(args, {
    ...SESSION_OPTIONS,
    count: { type: "string", default: "4" },
    interval: { type: "string", default: "1000" },
    timeout: { type: "string", default: "1000" },
    size: { type: "string", default: "56" },
  });
  const [host = ""] = expectPositionals(positionals, ["HOST"]);
  const hour = 3_600_000;
  const ping: PingPlan = {
    host: parseHost(host, "HOST"),
    count: parseInteger(values.count, "--count", { min: 1, max: 1_000_000 }),
    intervalMs: parseInteger(values.interval, "--interval", { min: 0, max: hour }),
    timeoutMs: parseInteger(values.timeout, "--timeout", { min: 1, max: hour }),
    octets: parseInteger(values.size, "--size", { min: 0, max: 1472 }),
  };
  const plan = planSession(values);
  const interrupt = watchInterrupt();
  const session = await openUnlessInterrupted(openSession(plan, interrupt), interrupt);
  if (session === undefined) return INTERRUPTED;
  try {
    return await pingAll(session, ping, interrupt);
  } finally {
    session.close();
    interrupt.dispose();
  }
}

async function pingAll(session: Session, plan: PingPlan, interrupt: Interrupt): Promise<number> {
  const { stack, clock } = session;
  const times: number[] = [];
  let sent = 0;
  while (sent < plan.count && !interrupt.isRequested) {
    if (sent > 0) await pause(clock, plan.intervalMs, interrupt);
    if (interrupt.isRequested) break;
    sent += 1;
    const time = await pingOnce(stack, plan, sent, interrupt);
    if (time !== undefined) times.push(time);
  }
  const lost = sent === 0 ? 0 : Math.round(((sent - times.length) * 100) / sent);
  console.log(`${sent} sent, ${times.length} answered, ${lost}% lost${summary(times)}`);
  return times.length > 0 ? 0 : 1;
}

/** The round-trip time, or undefined when no reply came in time. */
async function pingOnce(
  stack: Stack,
  plan: PingPlan,
  number: number,
  interrupt: Interrupt,
): Promise<number | undefined> {
  const { host, octets, timeoutMs } = plan;
  const interrupted = interrupt.requested.then(() => undefined);
  try {
    const time = await Promise.race([stack.ping(host, { octets, timeoutMs }), interrupted]);
    if (time === undefined) return undefined;
    console.log(`${octets + 8} octets from ${host}: number=${number} time=${time.toFixed(3)} ms`);
    return time;
  } catch (error) {
    if (stack.isClosed) throw stackFailure(await stack.closed);
    const code = error instanceof LingerError ? error.code : undefined;
    if (code !== "PING_TIMEOUT" && code !== "UNREACHABLE") throw error;
    console.log(`${host}: number=${number} ${(error as LingerError).message}`);
    return undefined;
  }
}

function pause(clock: Session["clock"], ms: number, interrupt: Interrupt): Promise<void> {
  return new Promise((resolve) => {
    const timer = clock.setTimer(ms, resolve);
    void interrupt.requested.then(() => {
      clock.clearTimer(timer);
      resolve();
    });
  });
}

function summary(times: readonly number[]): string {
  if (times.length === 0) return "";
  const mean = times.reduce((sum, time) => sum + time, 0) / times.length;
  const [least, most] = [Math.min(...times), Math.max(...times)];
  const numbers = [least, mean, most].map((time) => time.toFixed(3)).join("/");
  return `, min/mean/max ${numbers} ms`;
}
