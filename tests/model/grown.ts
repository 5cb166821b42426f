/**
 * A typed array that grows by whole blocks: what the search keeps of millions of nodes. Called by
 * search.ts and graph.ts.
 */
const BLOCK_BITS = 20;
const BLOCK = 1 << BLOCK_BITS;
const MASK = BLOCK - 1;

interface Typed {
  [index: number]: number;
}

export class Grown<T extends Typed> {
  readonly #make: new (length: number) => T;
  readonly #blocks: T[] = [];
  #length = 0;

  constructor(make: new (length: number) => T) {
    this.#make = make;
  }

  get length(): number {
    return this.#length;
  }

  at(index: number): number {
    return this.#blocks[index >>> BLOCK_BITS]![index & MASK]!;
  }

  set(index: number, value: number): void {
    this.#blocks[index >>> BLOCK_BITS]![index & MASK] = value;
  }

  /** Appends a value, and returns its index. */
  push(value: number): number {
    const index = this.#length++;
    if ((index & MASK) === 0) this.#blocks.push(new this.#make(BLOCK));
    this.#blocks[index >>> BLOCK_BITS]![index & MASK] = value;
    return index;
  }

  /** Gives the memory back. */
  forget(): void {
    this.#blocks.length = 0;
    this.#length = 0;
  }
}
