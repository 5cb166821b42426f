/**
 * `npm run firmware`: builds every firmware image and prints what it takes of flash and RAM, by
 * part.
 *
 *     npm run firmware
 *     npm run firmware -- --json FILE    and the same as data
 *     npm run firmware -- --native       with modules that leave sums and copies to the firmware
 *     npm run firmware -- --pools        how small the interpreters' pools may be
 *
 * The exit status is 1 if an image takes more than its budget or cannot be built, 2 for a wrong
 * argument.
 */
import { openJson, readOptions, runProgram, UsageError } from "../command.ts";
import { buildImages, buildNativeImages } from "./build.ts";
import { IMAGES, type Image } from "./images.ts";
import { type Footprint, measure, type Parts, total } from "./parts.ts";
import { findSmallestPool } from "./pools.ts";

const USAGE = `usage: npm run firmware [-- [--native] [--json FILE] | -- --pools]

Builds the firmware images of hal/wamr/boards into build/firmware and prints octets of flash and RAM
by part. Needs arm-none-eabi-gcc, cmake, ninja, wasm2c and cargo (hal/wamr/README.md).
  --json FILE   writes the same as data
  --native      with modules that leave sums and copies of long blocks to the firmware
                (hal/README.md, "Imports on request")
  --pools       starts each image with an interpreter in QEMU, and prints the pool
                it has, the smallest it starts with, and what may be added to a module`;

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

function toData(rows: Row[]): unknown {
  return rows.map(({ image, flash, ram }) => ({
    image: image.name,
    board: image.board.name,
    engine: image.engine,
    profile: image.board.profile,
    flash: { octets: total(flash), budget: image.budget.flash, parts: flash },
    ram: { octets: total(ram), budget: image.budget.ram, parts: ram },
  }));
}

async function printPools(): Promise<void> {
  for (const image of IMAGES.filter(({ engine }) => engine !== "wasm2c")) {
    const { chosen, smallest } = await findSmallestPool(image);
    const spare = format(chosen - smallest);
    console.log(`${image.name}: ${format(chosen)}, smallest ${format(smallest)}, spare ${spare}`);
  }
}

const FLAGS = {
  native: { type: "boolean" },
  pools: { type: "boolean" },
  help: { type: "boolean" },
} as const;

async function main(args: string[]): Promise<number> {
  const options = { json: { type: "string" }, ...FLAGS } as const;
  const { values } = readOptions({ args, options });
  if (values.help === true) {
    console.log(USAGE);
    return 0;
  }
  if (values.pools === true) {
    if (args.length > 1) throw new UsageError("--pools takes no other option");
    await printPools();
    return 0;
  }
  const writeJson = openJson(values.json);
  const images = values.native === true ? buildNativeImages(IMAGES) : buildImages(IMAGES);
  const rows = images.map((built) => ({ image: built.image, ...measure(built) }));
  for (const row of rows) console.log(formatRow(row));
  writeJson(toData(rows));
  return rows.every(isWithin) ? 0 : 1;
}

await runProgram("firmware", main);
