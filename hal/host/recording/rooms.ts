/**
 * Where SEND's octets lie when they are committed: what `tcpReserve` and `tcpReservedAddress`
 * answered for each handle.
 *
 * Used by the recorder, which copies them from there, and the replay, which puts them there.
 */
interface Room {
  address: number;
  octets: number;
}

export class Rooms {
  readonly #rooms = new Map<number, Room>();

  /** The octets in memory that a commit of so many takes, or none if no room was asked for. */
  find(memory: Uint8Array, handle: number, octets: number): Uint8Array {
    const room = this.#rooms.get(handle);
    if (room === undefined) return memory.subarray(0, 0);
    return memory.subarray(room.address, room.address + Math.min(octets, room.octets));
  }

  /** A call has answered. */
  note(name: string, handle: number, octets: number, result: number): void {
    switch (name) {
      case "tcpReserve":
        this.#reserved(handle, result);
        break;
      case "tcpReservedAddress":
        if (result > 0) this.#roomOf(handle).address = result;
        break;
      case "tcpCommit":
        if (result >= 0) this.#committed(handle, octets);
        break;
      case "tcpRelease":
        this.#rooms.delete(handle);
    }
  }

  /** For a checkpoint. */
  copy(): Rooms {
    const copy = new Rooms();
    for (const [handle, room] of this.#rooms) copy.#rooms.set(handle, { ...room });
    return copy;
  }

  #roomOf(handle: number): Room {
    let room = this.#rooms.get(handle);
    if (room === undefined) this.#rooms.set(handle, (room = { address: 0, octets: 0 }));
    return room;
  }

  #reserved(handle: number, result: number): void {
    if (result > 0) this.#roomOf(handle).octets = result;
  }

  #committed(handle: number, octets: number): void {
    const room = this.#rooms.get(handle);
    if (room === undefined) return;
    room.address += octets;
    room.octets = Math.max(0, room.octets - octets);
  }
}
