/**
 * Traffic between two stacks of the emulator over a wire in memory, both recorded into files or
 * neither: what `npm run recording` counts the instructions of.
 *
 *     node traffic.mjs PROFILE MIX FRAMES [FOLDER]
 *
 * PROFILE is tiny, default or host; MIX a stream of full segments one way, or an echo of 32 octets
 * at a time. Ends when so many frames have passed, and prints how many it were. Plain JavaScript on
 * what `npm run build` has made: a loader would be counted too.
 */
import { createMemoryPair, SeededEntropy, Stack, VirtualClock } from "../../dist/host/index.js";

const PORT = 7;
const WRITE_OCTETS = 2920;
const ECHO_OCTETS = 32;

/** Each mix: what the near end does in every millisecond, and the far end when something comes. */
const MIXES = {
  stream: {
    near: (connection) => void connection.write(new Uint8Array(WRITE_OCTETS)),
    far: (connection) => {
      while (connection.read());
    },
  },
  echo: {
    near: (connection) => {
      connection.read();
      connection.write(new Uint8Array(ECHO_OCTETS));
    },
    far: (connection) => {
      for (let part = connection.read(); part; part = connection.read()) connection.write(part);
    },
  },
};

function main([profile, mix, frames, folder]) {
  const clock = new VirtualClock();
  const [near, far] = createMemoryPair({ clock }).map((wire, index) =>
    Stack.create({
      wire,
      clock,
      profile,
      address: `10.9.0.${index + 1}/24`,
      entropy: new SeededEntropy(index + 1),
      ...(folder === undefined ? {} : { record: `${folder}/${index}.rec` }),
    }),
  );
  const parts = MIXES[mix];
  far.listen(PORT, { noDelay: true }).on("connection", (connection) => {
    connection.on("readable", () => parts.far(connection));
  });
  const connection = near.connect("10.9.0.2", PORT, { noDelay: true });
  let count = 0;
  for (let turn = 1; count < frames; turn++) {
    parts.near(connection);
    clock.advance(1);
    if (turn % 64 !== 0) continue;
    const { FRAMES_IN, FRAMES_OUT } = near.counters();
    count = FRAMES_IN + FRAMES_OUT;
  }
  near.close();
  far.close();
  console.log(count);
}

main(process.argv.slice(2));
