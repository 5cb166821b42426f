/**
 * What every table of tests runs on: the three profiles, each with ordinary sequence numbers and
 * with numbers and a clock that wrap within the first moments of the connection.
 *
 * Called by the tests themselves and by given.ts.
 */
import { EndReason } from "../../hal/host/abi.ts";
import { Device, type FeatureName } from "./device.ts";
import { type Profile, PROFILES } from "./modules.ts";

export interface Variant {
  profile: Profile;
  /** `wrap`: ISS, IRS and the clock are just below 2^32. */
  numbers: "plain" | "wrap";
}

export const VARIANTS: readonly Variant[] = PROFILES.flatMap((profile) => [
  { profile, numbers: "plain" as const },
  { profile, numbers: "wrap" as const },
]);

/** Whether a profile's module can do all of this. */
function hasFeatures(profile: Profile, ...names: readonly FeatureName[]): boolean {
  return new Device({ profile }).has(...names);
}

/** The variants whose module can do all of this; at least those of one profile. */
function variantsWith(...names: readonly FeatureName[]): readonly Variant[] {
  const able = VARIANTS.filter(({ profile }) => hasFeatures(profile, ...names));
  if (able.length === 0) throw new Error(`no profile has ${names.join(" and ")}`);
  return able;
}

/** The variants whose module can do nothing of this; at least those of one profile. */
function variantsWithout(...names: readonly FeatureName[]): readonly Variant[] {
  const unable = VARIANTS.filter(({ profile }) =>
    names.every((name) => !hasFeatures(profile, name)),
  );
  if (unable.length === 0) throw new Error(`every profile has ${names.join(" or ")}`);
  return unable;
}

/** Where a connection begins: its ports, the time, and the peer's ISS. */
export interface Beginning {
  localPort: number;
  peerPort: number;
  startMs: number;
  irs: number;
}

const PEER_ADDRESS_DEFAULT = 0x0a09_0001;
export { PEER_ADDRESS_DEFAULT as PEER_ADDRESS };

const PLAIN: Beginning = { localPort: 4_000, peerPort: 5_000, startMs: 10_000, irs: 0x1234_5678 };

/** How close to 2^32 the numbers begin: less than any test's data, and its first time-out. */
const ISS_BEFORE_WRAP = 20;
/** SYN and one octet more come before, so that SND.UNA can lie on one side and SND.NXT beyond. */
const ISS_BEFORE_WRAP_MIN = 3;
const CLOCK_BEFORE_WRAP_MS = 3_000;
const IRS_BEFORE_WRAP = 7;
/** One pair of ports in 70,000 will do, so a few local ports are enough. */
const PORTS_TRIED = 100;
/** The clock of RFC 9293 §3.4.1: one step every 4 µs. */
const ISN_STEPS_PER_MS = 250;
/** ISN_LEAD_MAX of assembly/tcp/isn.ts. */
const ISN_LEAD_MAX = 0x1_0000;

/** Runs a test on every variant, and says which one failed. */
export function onEachVariant(run: (variant: Variant) => void, variants = VARIANTS): void {
  for (const variant of variants) {
    naming(`${variant.profile}, ${variant.numbers} numbers`, () => run(variant));
  }
}

/** As `onEachVariant`, on those whose module can do all of this. */
export function onEachVariantWith(
  names: readonly FeatureName[],
  run: (variant: Variant) => void,
): void {
  onEachVariant(run, variantsWith(...names));
}

/** As `onEachVariant`, on those whose module can do nothing of this. */
export function onEachVariantWithout(
  names: readonly FeatureName[],
  run: (variant: Variant) => void,
): void {
  onEachVariant(run, variantsWithout(...names));
}

/** Runs a test on every profile, where sequence numbers do not matter. */
export function onEachProfile(run: (variant: Variant) => void, variants = VARIANTS): void {
  onEachVariant(
    run,
    variants.filter(({ numbers }) => numbers === "plain"),
  );
}

/** As `onEachProfile`, on those whose module can do all of this. */
export function onEachProfileWith(
  names: readonly FeatureName[],
  run: (variant: Variant) => void,
): void {
  onEachProfile(run, variantsWith(...names));
}

/** As `onEachProfile`, on those whose module can do nothing of this. */
export function onEachProfileWithout(
  names: readonly FeatureName[],
  run: (variant: Variant) => void,
): void {
  onEachProfile(run, variantsWithout(...names));
}

/** Puts `name` before the message of whatever fails. */
export function naming<T>(name: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (error instanceof Error) {
      error.message = `[${name}] ${error.message}`;
      // Reporters print the stack, which holds the message as it was.
      error.stack = `[${name}] ${error.stack}`;
    }
    throw error;
  }
}

export function beginningOf(numbers: Variant["numbers"]): Beginning {
  return numbers === "plain" ? PLAIN : (wrapping ??= findWrapping());
}

let wrapping: Beginning | undefined;

/**
 * The ports whose ISN, a clock plus a keyed hash, comes to lie just below 2^32 shortly before the
 * clock wraps. The module itself is asked for the hash of each pair of ports, at clock 0.
 */
function findWrapping(): Beginning {
  const device = new Device({ profile: "tiny", startMs: 0 });
  let chosen = 0;
  for (let localPort = PLAIN.localPort; localPort < PLAIN.localPort + PORTS_TRIED; localPort++) {
    for (let peerPort = 1_024; peerPort <= 65_535; peerPort++) {
      // The ISNs of one millisecond count on, and begin anew after ISN_LEAD_MAX.
      const lead = chosen++ % (ISN_LEAD_MAX + 1);
      const hash = (isnOf(device, localPort, peerPort) - lead) >>> 0;
      // ISS = hash − 250 · beforeWrapMs = −issBefore (modulo 2^32)
      const beforeWrapMs = Math.ceil((hash + 1) / ISN_STEPS_PER_MS);
      const issBefore = beforeWrapMs * ISN_STEPS_PER_MS - hash;
      if (beforeWrapMs > CLOCK_BEFORE_WRAP_MS) continue;
      if (issBefore < ISS_BEFORE_WRAP_MIN || issBefore > ISS_BEFORE_WRAP) continue;
      const startMs = 2 ** 32 - beforeWrapMs;
      return { localPort, peerPort, startMs, irs: 2 ** 32 - IRS_BEFORE_WRAP };
    }
  }
  throw new Error("no pair of ports has an ISS near 2^32: is the ISN still clock plus hash?");
}

function isnOf(device: Device, localPort: number, peerPort: number): number {
  const handle = device.call("tcpConnect", PEER_ADDRESS_DEFAULT, peerPort, 0, localPort);
  const iss = device.status(handle, "ISS");
  device.call("tcpAbort", handle);
  if (device.status(handle, "END_REASON") !== EndReason.ABORTED) throw new Error("not aborted");
  device.call("tcpRelease", handle);
  return iss;
}
