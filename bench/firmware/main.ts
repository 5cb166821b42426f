/**
 * `npm run firmware`: builds every firmware image and prints what it takes of flash and RAM, by
 * part.
 *
 *     npm run firmware
 *     npm run firmware -- --json FILE    and the same as data
 *
 * The exit status is 1 if an image takes more than its budget or cannot be built, 2 for a wrong
 * argument.
 */
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { buildImages, FirmwareError } from "./build.ts";
import { IMAGES, type Image } from "./images.ts";
import { type Footprint, measure, type Parts, total } from "./parts.ts";

const USAGE = `usage: npm run firmware [-- --json FILE]

Builds the firmware images of hal/wamr/boards into build/firmware and prints octets of flash and RAM
by part. Needs arm-none-eabi-gcc, cmake, ninja, wasm2c and cargo (hal/wamr/README.md).
  --json FILE   writes the same as data`;

interface Row extends Footprint {
  image: Image;
}

function format(octets: number): string {
  return octets.toLocaleString("en-US");
}

function formatParts(parts: Parts): string {
  const cells = Object.entries(parts).filter(([, octets]) => octets !== 0);
  return cells.map(([part, octets]) => `${part} ${format(octets)}`).join(", ");
}

function isWithin({ image, flash, ram }: Row): boolean {
  return total(flash) <= image.budget.flash && total(ram) <= image.budget.ram;
}

function formatRow(row: Row): string {
  const line = (name: "flash" | "ram") => {
    const octets = total(row[name]);
    const budget = row.image.budget[name];
    const verdict = octets <= budget ? "of" : "MORE THAN";
    const sizes = `${format(octets).padStart(8)} ${verdict} ${format(budget)}`;
    return `  ${name.padEnd(5)} ${sizes}: ${formatParts(row[name])}`;
  };
  return `${row.image.name}\n${line("flash")}\n${line("ram")}`;
}

function toJson(rows: Row[]): string {
  const data = rows.map(({ image, flash, ram }) => ({
    image: image.name,
    board: image.board.name,
    engine: image.engine,
    profile: image.board.profile,
    flash: { octets: total(flash), budget: image.budget.flash, parts: flash },
    ram: { octets: total(ram), budget: image.budget.ram, parts: ram },
  }));
  return `${JSON.stringify(data, null, 2)}\n`;
}

function main(): void {
  let values: { json?: string; help?: boolean };
  try {
    const options = { json: { type: "string" }, help: { type: "boolean" } } as const;
    ({ values } = parseArgs({ options }));
  } catch (error) {
    const [why] = (error instanceof Error ? error.message : String(error)).split("\n");
    console.error(`firmware: ${why}`);
    process.exitCode = 2;
    return;
  }
  if (values.help === true) {
    console.log(USAGE);
    return;
  }
  const rows = buildImages(IMAGES).map((built) => ({ image: built.image, ...measure(built) }));
  for (const row of rows) console.log(formatRow(row));
  if (values.json !== undefined) writeFileSync(values.json, toJson(rows));
  if (!rows.every(isWithin)) process.exitCode = 1;
}

try {
  main();
} catch (error) {
  if (!(error instanceof FirmwareError)) throw error;
  console.error(`firmware: ${error.message}`);
  process.exitCode = 1;
}
