/**
 * Builds firmware images with CMake and Ninja, into build/firmware.
 *
 * Used by the commands of this folder and by tests. An interpreter's image is the same for every
 * module, which is flashed beside it; one that is compiled ahead of time is made for its module.
 * What is there already is built again only where it must be.
 */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { type Engine, findImage, type Image, type Profile } from "./images.ts";
import { buildNativeModule } from "./native-modules.ts";
import { FOLDER, ROOT, run } from "./tools.ts";

const IMAGES_FOLDER = join(FOLDER, "images");
const WAMR = join(FOLDER, "wamr");
const DIGEST_LETTERS = 8;

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

const RELEASE_MODULES = [
  `-DLINGER_MODULE_DEFAULT=${modulePath("default")}`,
  `-DLINGER_MODULE_TINY=${modulePath("tiny")}`,
];

/** Builds images with the release modules of their boards. */
export function buildImages(images: readonly Image[]): BuiltImage[] {
  buildTargets(images.map(({ name }) => name));
  return images.map((image) => found(IMAGES_FOLDER, image, modulePath(image.board.profile)));
}

/**
 * Builds images whose modules leave sums and copies of long blocks to the firmware: that of an
 * interpreter is the release's, with another module beside it.
 */
export function buildNativeImages(images: readonly Image[]): BuiltImage[] {
  return images.map((image) => {
    const module = buildNativeModule(image.board.profile);
    if (image.engine === "wasm2c") return buildImageWith(image, module);
    return { ...buildImages([image])[0]!, module };
  });
}

function buildTargets(names: string[]): void {
  configure(IMAGES_FOLDER, RELEASE_MODULES);
  run("ninja", ["-C", IMAGES_FOLDER, ...names]);
}

/** Builds the image of mps2-an385 that can be put away; ahead of time with the release module. */
export function buildSleeper(engine: Engine, module = modulePath("default")): BuiltImage {
  return buildOther(engine, "sleeper", module);
}

/** Builds the one that records, with the release module. */
export function buildRecorder(engine: "fast" | "wasm2c"): BuiltImage {
  return buildOther(engine, "recorder", modulePath("default"));
}

function buildOther(engine: Engine, kind: string, module: string): BuiltImage {
  const image = findImage("mps2-an385", engine)!;
  const name = `${image.name}-${kind}`;
  buildTargets([name]);
  return found(IMAGES_FOLDER, { ...image, name }, module);
}

/** Builds an image for any module. */
export function buildImageWith(image: Image, module: string): BuiltImage {
  if (module === modulePath(image.board.profile)) return buildImages([image])[0]!;
  if (image.engine !== "wasm2c") {
    const name = image.large ?? image.name;
    buildTargets([name]);
    return found(IMAGES_FOLDER, { ...image, name }, module);
  }
  const folder = join(FOLDER, "applications", nameOf(module));
  const path = resolve(module);
  configure(folder, [`-DLINGER_MODULE_DEFAULT=${path}`, `-DLINGER_MODULE_TINY=${path}`]);
  run("ninja", ["-C", folder, image.name]);
  return found(folder, image, module);
}

/** Builds an interpreter's image with the release module and another pool. */
export function buildImageWithPool(image: Image, octets: number): BuiltImage {
  const folder = join(FOLDER, "pools");
  configure(folder, [...RELEASE_MODULES, `-DLINGER_POOL=${octets}`]);
  run("ninja", ["-C", folder, image.name]);
  return found(folder, image, modulePath(image.board.profile));
}

/** Builds the board that is a process on this machine; the path of its program. */
export function buildProcess(
  engine: Engine | "watched" | "recorded" | "ring",
  module: string,
): string {
  const path = resolve(module);
  const folder = join(FOLDER, engine === "wasm2c" ? `linux-${nameOf(path)}` : "linux");
  run("cmake", [
    ...["-G", "Ninja", "-S", join(ROOT, "hal/wamr/boards/linux"), "-B", folder],
    ...["-DCMAKE_BUILD_TYPE=Release", `-DWAMR_ROOT_DIR=${wamrFolder()}`],
    ...(engine === "wasm2c" ? [`-DLINGER_MODULE_DEFAULT=${path}`] : []),
  ]);
  run("ninja", ["-C", folder, `linger-${engine}`]);
  return join(folder, `linger-${engine}`);
}

/** A name for what is built for a module: its own, and its contents. */
function nameOf(module: string): string {
  const digest = createHash("sha256").update(readFileSync(module)).digest("hex");
  return `${basename(module, ".wasm")}-${digest.slice(0, DIGEST_LETTERS)}`;
}

/** WAMR's sources: the user's own, or ours, fetched if they are not there. */
export function wamrFolder(): string {
  const own = process.env["WAMR_ROOT_DIR"];
  if (own !== undefined) return own;
  run("cmake", [`-DDESTINATION=${WAMR}`, "-P", script("fetch-wamr.cmake")]);
  return WAMR;
}

function found(folder: string, image: Image, module: string): BuiltImage {
  const elf = join(folder, `${image.name}.elf`);
  return { image, elf, map: `${elf}.map`, module };
}

function configure(folder: string, definitions: string[]): void {
  run("cmake", [
    ...["-G", "Ninja", "-S", join(ROOT, "hal/wamr"), "-B", folder],
    `-DCMAKE_TOOLCHAIN_FILE=${script("arm-none-eabi.cmake")}`,
    `-DWAMR_ROOT_DIR=${wamrFolder()}`,
    ...definitions,
  ]);
}

function script(name: string): string {
  return join(ROOT, "hal/wamr/cmake", name);
}
