/**
 * Builds firmware images with CMake and Ninja, into build/firmware.
 *
 * Used by the commands of this folder and by tests. An interpreter's image is the same for every
 * module, which is flashed beside it; one that is compiled ahead of time is made for its module.
 * What is there already is built again only where it must be.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { Image, Profile } from "./images.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const FOLDER = join(ROOT, "build/firmware");
const IMAGES_FOLDER = join(FOLDER, "images");
const WAMR = join(FOLDER, "wamr");
const DIGEST_LETTERS = 8;

/** A failure whose message says everything that the user needs. */
export class FirmwareError extends Error {}

/** An image as it was built. */
export interface BuiltImage {
  image: Image;
  elf: string;
  /** The linker's map of it. */
  map: string;
  /** The module that it runs. */
  module: string;
}

/** The release module of a profile. */
export function modulePath(profile: Profile): string {
  return join(ROOT, `dist/wasm/linger-${profile}.wasm`);
}

/** Builds images with the release modules of their boards. */
export function buildImages(images: readonly Image[]): BuiltImage[] {
  buildTargets(images.map(({ name }) => name));
  return images.map((image) => found(IMAGES_FOLDER, image, modulePath(image.board.profile)));
}

function buildTargets(names: string[]): void {
  configure(IMAGES_FOLDER, [
    `-DLINGER_MODULE_DEFAULT=${modulePath("default")}`,
    `-DLINGER_MODULE_TINY=${modulePath("tiny")}`,
  ]);
  run("ninja", ["-C", IMAGES_FOLDER, ...names]);
}

/** Builds an image for any module. */
export function buildImageWith(image: Image, module: string): BuiltImage {
  if (module === modulePath(image.board.profile)) return buildImages([image])[0]!;
  if (image.engine !== "wasm2c") {
    const name = image.large ?? image.name;
    buildTargets([name]);
    return found(IMAGES_FOLDER, { ...image, name }, module);
  }
  const digest = createHash("sha256").update(readFileSync(module)).digest("hex");
  const name = `${basename(module, ".wasm")}-${digest.slice(0, DIGEST_LETTERS)}`;
  const folder = join(FOLDER, "applications", name);
  const path = resolve(module);
  configure(folder, [`-DLINGER_MODULE_DEFAULT=${path}`, `-DLINGER_MODULE_TINY=${path}`]);
  run("ninja", ["-C", folder, image.name]);
  return found(folder, image, module);
}

function found(folder: string, image: Image, module: string): BuiltImage {
  const elf = join(folder, `${image.name}.elf`);
  return { image, elf, map: `${elf}.map`, module };
}

function configure(folder: string, definitions: string[]): void {
  const wamr = process.env["WAMR_ROOT_DIR"] ?? WAMR;
  if (wamr === WAMR) run("cmake", [`-DDESTINATION=${WAMR}`, "-P", script("fetch-wamr.cmake")]);
  run("cmake", [
    ...["-G", "Ninja", "-S", join(ROOT, "hal/wamr"), "-B", folder],
    `-DCMAKE_TOOLCHAIN_FILE=${script("arm-none-eabi.cmake")}`,
    `-DWAMR_ROOT_DIR=${wamr}`,
    ...definitions,
  ]);
}

function script(name: string): string {
  return join(ROOT, "hal/wamr/cmake", name);
}

function run(program: string, args: string[]): void {
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    cwd: ROOT,
    encoding: "utf8",
  });
  if (error !== undefined) {
    throw new FirmwareError(`${program} does not run (${error.message}): is it installed?`);
  }
  if (status !== 0) {
    throw new FirmwareError(`${stdout}${stderr}\n${program} ${args.join(" ")} failed`);
  }
}
