/**
 * The options that every command with a stack shares, and the stack that they describe.
 *
 * Called by serve, connect, ping and run. All options are checked before anything is opened, and
 * what was opened is closed again if a later step fails.
 */
import { RealClock } from "../clock.ts";
import { LingerModule } from "../module.ts";
import { formatMacAddress, parseIpv4Address, parseMacAddress } from "../packet/index.ts";
import { isSpent } from "../snapshot/format.ts";
import type { SnapshotStore } from "../snapshot/store.ts";
import {
  contentsOf,
  type Profile,
  type RestoreOptions,
  Stack,
  type StackOptions,
} from "../stack.ts";
import type { Wire } from "../wire.ts";
import { type Impairment, impair } from "../wires/impairment.ts";
import { PcapWriter, recordWire } from "../wires/pcap.ts";
import type { Bed } from "./bed.ts";
import {
  checkWritable,
  CommandError,
  type OptionsConfig,
  parseInteger,
  UsageError,
} from "./command.ts";
import type { Interrupt } from "./interrupt.ts";
import { openWire, parseWireSpec, WIRE_HELP, type WireSpec } from "./wire-spec.ts";

export const SESSION_OPTIONS = {
  wire: { type: "string" },
  ip: { type: "string" },
  gateway: { type: "string" },
  mac: { type: "string" },
  msl: { type: "string" },
  profile: { type: "string" },
  pcap: { type: "string" },
  record: { type: "string" },
  impair: { type: "string" },
} as const satisfies OptionsConfig;

export const SESSION_HELP = `Options of the stack:
  --wire SPEC          what the stack is plugged into (required, see below)
  --ip ADDRESS[/LEN]   its IPv4 address and prefix length (required; /24 if left out)
  --gateway ADDRESS    where packets for other networks go
  --mac ADDRESS        its MAC address; one is drawn if left out
  --msl MS             maximum segment lifetime, 100 to 120000 (30000); TIME-WAIT is twice that
  --profile NAME       tiny, default or host (host): which release module
  --pcap FILE          record every frame; opens in Wireshark, tshark and linger trace
  --record FILE        record every input of the stack, for linger replay
  --impair LIST        treat frames badly, both ways: any of loss=, duplicate=, reorder=, corrupt=
                       (probabilities 0 to 1), delay=, jitter= (ms), seed= separated by commas

${WIRE_HELP}`;

/** The values of SESSION_OPTIONS as parseArgs gives them. */
type SessionValues = { [name in keyof typeof SESSION_OPTIONS]?: string | undefined };

/** Checked, and nothing opened yet. */
interface SessionPlan {
  wire: WireSpec;
  stack: Omit<StackOptions, "wire">;
  pcap: string | undefined;
  impair: { settings: Impairment; seed: number } | undefined;
}

export interface Session {
  stack: Stack;
  clock: RealClock;
  /** Closes the stack, its wire and the capture. */
  close(): void;
}

const PROFILES: readonly string[] = ["tiny", "default", "host"] satisfies Profile[];

/** Checks the options. */
export function planSession(values: SessionValues): SessionPlan {
  if (values.wire === undefined) throw new UsageError("--wire is missing");
  const wire = parseWireSpec(values.wire);
  if (values.ip === undefined) throw new UsageError("--ip is missing");
  const stack: Omit<StackOptions, "wire"> = { address: parseInterface(values.ip) };
  if (values.gateway !== undefined) stack.gateway = parseHost(values.gateway, "--gateway");
  if (values.mac !== undefined) stack.mac = parseMac(values.mac);
  if (values.msl !== undefined) {
    stack.mslMs = parseInteger(values.msl, "--msl", { min: 100, max: 120_000 });
  }
  if (values.profile !== undefined) stack.profile = parseProfile(values.profile);
  if (values.pcap !== undefined) checkWritable(values.pcap, "--pcap", "capture");
  if (values.record !== undefined) {
    checkWritable(values.record, "--record", "recording");
    stack.record = values.record;
  }
  const impairment = values.impair === undefined ? undefined : parseImpairment(values.impair);
  return { wire, stack, pcap: values.pcap, impair: impairment };
}

/**
 * Opens the wire, the capture and the stack; all or nothing. The stack goes on from the snapshot in
 * a store, if there is one that fits, and if no signal came while the wire opened: it stays there
 * then.
 */
export async function openSession(
  plan: SessionPlan,
  interrupt: Pick<Interrupt, "isRequested">,
  bed?: Bed,
): Promise<Session> {
  const clock = new RealClock();
  const module = moduleOf(plan);
  const store = bed?.store;
  const stored = store?.peek(module);
  if (stored !== undefined) {
    const contents = contentsOf(stored, module);
    bed!.check(contents.kept);
    checkAddresses(plan, contents, store!.path);
  }
  let wire: Wire = await openWire(plan.wire);
  try {
    if (interrupt.isRequested) throw new CommandError("it was stopped before its wire was open");
    // The recorder sits at the stack: it sees what the stack sent and what reached it.
    if (plan.impair !== undefined) {
      const { settings, seed } = plan.impair;
      wire = impair(wire, { clock, seed, outbound: settings, inbound: settings });
    }
    if (plan.pcap !== undefined) wire = recordWire(wire, new PcapWriter(plan.pcap, { clock }));
    const snapshot = store?.take(module);
    const stack =
      snapshot === undefined
        ? Stack.create({ ...plan.stack, module, clock, wire })
        : restore(snapshot, { module, clock, wire, ...recordOf(plan) }, store!);
    return { stack, clock, close: () => stack.close() };
  } catch (error) {
    wire.close();
    throw error;
  }
}

function moduleOf({ stack: { module, profile } }: SessionPlan): LingerModule {
  const source = module ?? profile ?? "host";
  return source instanceof LingerModule ? source : LingerModule.load(source);
}

/** What could not be taken up, since its recording cannot be written, is put back. */
function restore(snapshot: Uint8Array, options: RestoreOptions, store: SnapshotStore): Stack {
  try {
    return Stack.restore(snapshot, options);
  } catch (error) {
    if (!isSpent(snapshot)) store.putBack(snapshot);
    throw error;
  }
}

function recordOf({ stack: { record } }: SessionPlan): Pick<StackOptions, "record"> {
  return record === undefined ? {} : { record };
}

/** A stack that goes on does so as what its peers know. */
function checkAddresses(
  { stack }: SessionPlan,
  slept: { address: string; mac: string },
  path: string,
): void {
  const differs = (option: string, has: string, given: string): CommandError =>
    new CommandError(`the snapshot ${path} is of a stack with ${option} ${has}, not ${given}`);
  if (stack.address !== slept.address) throw differs("--ip", slept.address, stack.address);
  const mac = typeof stack.mac === "string" ? formatMacAddress(parseMacAddress(stack.mac)!) : "";
  if (mac !== "" && mac !== slept.mac) throw differs("--mac", slept.mac, mac);
}

function parseInterface(text: string): string {
  const [address = "", length, ...rest] = text.split("/");
  const bits = length === undefined ? 24 : Number(/^[0-9]{1,2}$/.test(length) ? length : "NaN");
  if (rest.length > 0 || parseIpv4Address(address) === undefined || !(bits >= 1 && bits <= 30)) {
    throw new UsageError(
      `--ip must be an IPv4 address with a prefix length of 1 to 30, not "${text}"`,
    );
  }
  return `${address}/${bits}`;
}

/** An IPv4 address; names are not resolved here: the stack has no resolver. */
export function parseHost(text: string, name: string): string {
  if (parseIpv4Address(text) === undefined) {
    throw new UsageError(`${name} must be an IPv4 address such as 10.9.0.1, not "${text}"`);
  }
  return text;
}

function parseMac(text: string): string {
  const octets = parseMacAddress(text);
  if (octets === undefined || (octets[0]! & 1) !== 0 || octets.every((octet) => octet === 0)) {
    throw new UsageError(
      `--mac must be one station's address such as 02:00:00:00:00:01, not "${text}"`,
    );
  }
  return text;
}

function parseProfile(text: string): Profile {
  if (!PROFILES.includes(text)) {
    throw new UsageError(`--profile must be tiny, default or host, not "${text}"`);
  }
  return text as Profile;
}

const IMPAIRMENTS: Record<string, { key: keyof Impairment & string; max: number }> = {
  loss: { key: "loss", max: 1 },
  duplicate: { key: "duplicate", max: 1 },
  reorder: { key: "reorder", max: 1 },
  corrupt: { key: "corrupt", max: 1 },
  delay: { key: "delayMs", max: 60_000 },
  jitter: { key: "jitterMs", max: 60_000 },
};

function parseImpairment(text: string): { settings: Impairment; seed: number } {
  const settings: Impairment = {};
  let seed = 1;
  for (const part of text.split(",")) {
    const [name = "", value = "", ...rest] = part.split("=");
    const number = /^[0-9]*\.?[0-9]+$/.test(value) ? Number(value) : Number.NaN;
    if (name === "seed" && Number.isSafeInteger(number)) {
      seed = number;
      continue;
    }
    const known = Object.hasOwn(IMPAIRMENTS, name) ? IMPAIRMENTS[name] : undefined;
    if (known === undefined || rest.length > 0 || !(number <= known.max)) {
      throw new UsageError(`--impair "${part}" is not understood (example: loss=0.05,delay=20)`);
    }
    Object.assign(settings, { [known.key]: number });
  }
  return { settings, seed };
}
