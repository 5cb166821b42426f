/**
 * A case as text: where it begins, what was found, and each step on a line of its own.
 *
 *     profile default
 *     opening established passive
 *     numbers plain
 *     finding poll trapped: unreachable
 *     frame 020000000001…        octets handed over; a length behind them if it is another one
 *     poll | advance 200 | busy | free
 *     call tcpClose 4097         any export that takes numbers
 *     write 4097 300 | read 4097 10 | exchange 0
 *
 * Written by the command into tests/fuzz/failures, and played by `npm test`. The numbers of a case
 * stay those of its day; a later module may give out other handles or ISNs, so what it plays then
 * is a case of its own.
 */
import { readFileSync } from "node:fs";
import { noiseAt } from "./frames.ts";
import { type CallName, type FuzzedProfile, PROFILES } from "./machine.ts";
import { type Numbers, NUMBERS, OPENINGS } from "./openings.ts";
import type { Scene } from "./scene.ts";

export interface CaseRecord {
  profile: FuzzedProfile;
  opening: string;
  numbers: Numbers;
  /** What was found, in one line. */
  finding: string;
  steps: string[];
}

export function formatRecord({ profile, opening, numbers, finding, steps }: CaseRecord): string {
  const head = [
    `profile ${profile}`,
    `opening ${opening}`,
    `numbers ${numbers}`,
    `finding ${finding.replaceAll(/\s+/g, " ")}`,
  ];
  return `${[...head, ...steps].join("\n")}\n`;
}

/** Reads a record; an Error says what is wrong with it. */
export function readRecord(path: string): CaseRecord {
  const lines = readFileSync(path, "utf8").split("\n");
  if (lines.at(-1) === "") lines.pop();
  const head = (name: string): string => {
    const line = lines.shift() ?? "";
    if (!line.startsWith(`${name} `)) throw new Error(`${path}: "${name}" is missing`);
    return line.slice(name.length + 1);
  };
  const [profileName, opening] = [head("profile"), head("opening")];
  const [numbersName, finding] = [head("numbers"), head("finding")];
  const profile = PROFILES.find((one) => one === profileName);
  const numbers = NUMBERS.find((one) => one === numbersName);
  if (profile === undefined || numbers === undefined || OPENINGS[opening] === undefined) {
    throw new Error(`${path}: an unknown beginning`);
  }
  return { profile, opening, numbers, finding, steps: lines };
}

/** Does one step of a record. */
export function playStep(scene: Scene, step: string): void {
  const { machine } = scene;
  const words = step.split(" ");
  const number = (index: number): number => Number(words[index]);
  switch (words[0]) {
    case "frame": {
      const octets = Buffer.from(words[1]!, "hex");
      machine.octets.set(octets, machine.slot);
      machine.deliver(words.length > 2 ? number(2) : octets.length);
      break;
    }
    case "poll":
      machine.poll();
      break;
    case "advance":
      machine.advance(number(1));
      break;
    case "busy":
    case "free":
      machine.setBusy(words[0] === "busy");
      break;
    case "call":
      machine.call(words[1] as CallName, ...words.slice(2).map(Number));
      break;
    case "write":
      machine.write(number(1), number(2), (i) => noiseAt(i));
      break;
    case "read":
      machine.read(number(1), number(2), () => undefined);
      break;
    case "exchange":
      scene.innocents[number(1)]?.exchange(scene);
      break;
    default:
      throw new Error(`an unknown step: ${step}`);
  }
}
