/**
 * The kernel as a router with a narrow link behind it, on which another kernel answers: what it
 * says of segments that are too big, and what it makes of datagrams that it may fragment.
 *
 *     Linger ── tap0 ── router ── veth, 1,280 octets ── server
 */
import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { after, before, describe, test } from "node:test";
import { octets, receiveHash, sha256, until } from "../traffic.ts";
import { inNamespace, LINGER, Rig } from "./rig.ts";

const SERVER = "10.8.0.2";
const ROUTER = "10.8.0.1";
const PORT = 7_000;
/** What the way there takes, and the way back. */
const THERE = 1_280;
const BACK = 600;
const MUCH = 300_000;

/** An echo server, as a program of its own: it lives in a network of its own. */
const ECHO = `
  require("node:net")
    .createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket))
    .listen(${PORT}, () => console.log("ready"));
`;

function run(command: string): void {
  execFileSync("bash", ["-ec", command], { stdio: ["ignore", "ignore", "inherit"] });
}

describe("a kernel that routes", inNamespace, () => {
  let server: ChildProcess;
  let rig: Rig;

  before(async () => {
    // Whether a socket sets "don't fragment" is decided when it is made.
    const start = 'sysctl -qw net.ipv4.ip_no_pmtu_disc=1; exec "$@"';
    const program = ["bash", "-ec", start, "bash", process.execPath, "-e", ECHO];
    server = spawn("unshare", ["--net", ...program], { stdio: ["ignore", "pipe", "inherit"] });
    await once(server.stdout!, "data");
    // The MTU is the route's, so that both links and the server's MSS stay those of Ethernet.
    run(`
      sysctl -qw net.ipv4.ip_forward=1
      ip link add narrow0 type veth peer name narrow1 netns ${server.pid}
      ip addr add ${ROUTER}/24 dev narrow0
      ip link set narrow0 up
      nsenter --net=/proc/${server.pid}/ns/net bash -ec '
        ip addr add ${SERVER}/24 dev narrow1
        ip link set narrow1 up
        ip route add default via ${ROUTER}'
      ip route add ${SERVER} dev narrow0 mtu lock ${THERE}
      ip route add ${LINGER} dev tap0 mtu lock ${BACK}
    `);
    rig = await Rig.open();
  });
  after(async () => {
    run(`ip route del ${LINGER} dev tap0`);
    server.kill(); // with its network, and the link into it
    await rig.close();
  });

  test("too big for it: the path's MTU is learned; its fragments are put together", async () => {
    const connection = rig.stack.connect(SERVER, PORT);
    await connection.connected;
    const full = connection.status().SND_MSS;
    const data = octets(3, MUCH);
    const sent = connection.writeAll(data).then(() => connection.closeWrite());
    const arrived = await receiveHash(connection);
    await sent;
    assert.deepEqual(arrived, { hash: sha256(data), length: MUCH });
    const { SND_MSS: size, RETRANSMITS: again } = connection.status();
    const headers = 1_500 - full;
    assert.equal(size, THERE - headers, "what the router said");
    assert.ok(again < 50, `${again} segments sent again`);
    const counters = rig.stack.counters();
    assert.equal(counters.PMTU_LOWERED, 1);
    assert.equal(counters.PMTU_BLACK_HOLES, 0);
    assert.ok(counters.DATAGRAMS_REASSEMBLED > 10, `${counters.DATAGRAMS_REASSEMBLED}`);
    assert.equal(counters.DROP_FRAGMENT_CONFLICT, 0);
    await until(
      "the end",
      () => connection.ended,
      (end) => end === "CLOSED",
    );
  });
});
