/**
 * The command line's parser: any list of arguments is taken or refused with one line on standard
 * error and the exit status 2 or 1, never with a stack trace.
 *
 * Lists that would open something are only parsed as far as the session's plan. An input is a list
 * in JSON. Used by the command and the tests.
 */
import { UsageError } from "../../../hal/host/cli/command.ts";
import { dispatch } from "../../../hal/host/cli/dispatch.ts";
import { planSession } from "../../../hal/host/cli/session.ts";
import { parseWireSpec } from "../../../hal/host/cli/wire-spec.ts";
import type { Random } from "../random.ts";
import { describe, type HostTarget } from "./target.ts";

const COMMANDS = ["serve", "connect", "ping", "run", "trace", "help", "--version", "-v", "-h", ""];
const WORDS = [
  ...["echo", "http", "10.9.0.2", "10.9.0.2/24", "10.9.0.2:80", "80", "0", "-1", "65536", "1e3"],
  ...["tap:", "tap:x", "udp:1:2:3", "stream:unix:", "stream:[::1]:7", "stream-listen:a:b", ":::"],
  ...["loss=0.1", "loss=2", "loss=,", "seed=1,delay=5", "=", "", " ", "-", "--", "---", "\u0000"],
  ...["../x", "/nowhere/file.pcap", "02:00:00:00:00:01", "ff:ff:ff:ff:ff:ff", "é", "tiny", "\n"],
];
const OPTIONS = [
  ...["wire", "ip", "gateway", "mac", "msl", "profile", "pcap", "impair", "port", "count"],
  ...["interval", "timeout", "size", "frames", "connection", "columns", "two-msl", "all", "help"],
  ...["status", "quiet", "absolute", "bogus", "__proto__", "constructor", "no-wire"],
];
const WORDS_MAX = 8;

export const commandLineTarget: HostTarget = {
  name: "command-line",
  perMillion: 1_000,
  make: (random: Random) => {
    const args = [random.pick(COMMANDS)];
    for (let i = random.below(WORDS_MAX); i > 0; i--) args.push(...word(random));
    return JSON.stringify(args);
  },
  attempt: async (input) => {
    const args = JSON.parse(input) as string[];
    const planned = tryPlan(args);
    if (planned !== undefined) return planned;
    return opensNothing(args) ? tryDispatch(args) : undefined;
  },
};

function word(random: Random): string[] {
  const text = random.oneIn(6) ? scramble(random) : random.pick(WORDS);
  switch (random.below(4)) {
    case 0:
      return [text];
    case 1:
      return [`--${random.pick(OPTIONS)}`];
    case 2:
      return [`--${random.pick(OPTIONS)}=${text}`];
    default:
      return [`--${random.pick(OPTIONS)}`, text];
  }
}

function scramble(random: Random): string {
  const text = [...random.pick(WORDS), ...random.pick(WORDS)];
  return text
    .map((letter) => (random.oneIn(4) ? String.fromCharCode(random.below(300)) : letter))
    .join("");
}

/** The options of a session, read from a list by the simplest rule. */
function optionsOf(args: readonly string[]): Record<string, string> {
  const found: Record<string, string> = {};
  args.forEach((arg, index) => {
    const [, name, value] =
      /^--(wire|ip|gateway|mac|msl|profile|impair)(?:=([^]*))?$/.exec(arg) ?? [];
    if (name !== undefined) found[name] = value ?? args[index + 1] ?? "";
  });
  return found;
}

/** Plans the session of a list, which touches nothing. */
function tryPlan(args: readonly string[]): string | undefined {
  try {
    planSession(optionsOf(args));
  } catch (error) {
    if (!(error instanceof UsageError)) return `planning threw ${describe(error)}`;
  }
  return undefined;
}

/** Nothing is opened without a wire that can be parsed; files that are named do not exist. */
function opensNothing(args: readonly string[]): boolean {
  if (args.some((arg) => arg.startsWith("--pcap"))) return false;
  return args.every((arg) => !isWire(arg) && !isWire(arg.replace(/^--wire=/, "")));
}

function isWire(text: string): boolean {
  try {
    parseWireSpec(text);
    return true;
  } catch {
    return false;
  }
}

async function tryDispatch(args: string[]): Promise<string | undefined> {
  const { log, error } = console;
  const said: string[] = [];
  console.log = () => undefined;
  console.error = (...what: unknown[]) => void said.push(what.map(String).join(" "));
  let status: number;
  try {
    status = await dispatch(args);
  } catch (thrown) {
    return `dispatch threw ${describe(thrown)}`;
  } finally {
    console.log = log;
    console.error = error;
  }
  if (![0, 1, 2].includes(status)) return `exit status ${status}`;
  if (status === 0) return said.length === 0 ? undefined : `said ${said[0]} and succeeded`;
  if (said.length !== 1) return `${said.length} lines with exit status ${status}`;
  return /^linger[^\n]*$/.test(said[0]!) ? undefined : `said ${JSON.stringify(said[0])}`;
}
