/**
 * The firmware images: which board, which engine, which module; where QEMU finds what; and how much
 * flash and RAM each may take.
 *
 * Used by the commands of this folder and by tests. The boards' addresses are those of the linker
 * scripts in hal/wamr/boards.
 */
export type Engine = "fast" | "classic" | "wasm2c";
export type Profile = "tiny" | "default";

export interface Board {
  name: string;
  /** QEMU's names for the machine and its network interface. */
  machine: string;
  nic: string;
  /** Where settings and module are flashed. */
  settingsAddress: number;
  moduleAddress: number;
  /** The release module that it runs when no other one is given. */
  profile: Profile;
}

export interface Image {
  /** BOARD-ENGINE, the name of the target in hal/wamr/CMakeLists.txt. */
  name: string;
  board: Board;
  engine: Engine;
  /** Octets of flash with the module, and of RAM with everything. */
  budget: { flash: number; ram: number };
  /** An interpreter's image with all the memory for WAMR that the board has, for applications. */
  large?: string;
}

const KB = 1024;

export const BOARDS: readonly Board[] = [
  {
    name: "mps2-an385",
    machine: "mps2-an385",
    nic: "lan9118",
    settingsAddress: 0x3f000,
    moduleAddress: 0x40000,
    profile: "default",
  },
  {
    name: "lm3s6965evb",
    machine: "lm3s6965evb",
    nic: "stellaris",
    settingsAddress: 0x1fc00,
    moduleAddress: 0x20000,
    profile: "tiny",
  },
];

export const IMAGES: readonly Image[] = [
  image("mps2-an385", "fast", { flash: 128 * KB, ram: 192 * KB }),
  image("mps2-an385", "classic", { flash: 128 * KB, ram: 128 * KB }),
  image("mps2-an385", "wasm2c", { flash: 128 * KB, ram: 128 * KB }),
  image("lm3s6965evb", "classic", { flash: 112 * KB, ram: 56 * KB }),
  image("lm3s6965evb", "wasm2c", { flash: 48 * KB, ram: 24 * KB }),
];

function image(boardName: string, engine: Engine, budget: Image["budget"]): Image {
  const board = BOARDS.find(({ name }) => name === boardName)!;
  const name = `${boardName}-${engine}`;
  return {
    name,
    board,
    engine,
    budget,
    ...(engine === "wasm2c" ? {} : { large: `${name}-large` }),
  };
}

/** The image of a board with an engine, or undefined. */
export function findImage(board: string, engine: Engine): Image | undefined {
  return IMAGES.find((one) => one.board.name === board && one.engine === engine);
}
