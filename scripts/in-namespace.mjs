/**
 * `node scripts/in-namespace.mjs COMMAND…`: runs a command in a private network of its own.
 *
 * In there are a loopback interface and `tap0`, on which the Linux kernel is 10.9.0.1/24; nothing
 * else, and no way out. Everything ends with the command, or when this process is killed. Needs
 * root, or user namespaces and a /dev/net/tun that everybody may open. Used by the interop tests;
 * handy to run a single one of them, or to look around (`… in-namespace.mjs bash`).
 */
import { spawn } from "node:child_process";

/**
 * Reno, because some kernels default to another congestion control, and tests compare behaviour.
 */
const SETUP = `
set -e
ip link set lo up
sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
sysctl -qw net.ipv4.tcp_congestion_control=reno
ip tuntap add dev tap0 mode tap
ip addr add 10.9.0.1/24 dev tap0
ip link set tap0 up
exec "$@"
`;

const [command, ...args] = process.argv.slice(2);
if (command === undefined) {
  console.error("usage: node scripts/in-namespace.mjs COMMAND [ARGUMENT…]");
  process.exit(2);
}
const rights = process.getuid?.() === 0 ? ["--mount-proc"] : ["--user", "--map-root-user"];
const namespaces = ["--net", "--pid", "--fork", "--kill-child", ...rights];
const child = spawn("unshare", [...namespaces, "bash", "-c", SETUP, "bash", command, ...args], {
  stdio: "inherit",
  env: { ...process.env, LINGER_NAMESPACE: "tap0" },
});
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
  process.on(signal, () => child.kill("SIGKILL"));
}
child.on("error", (error) => {
  console.error(`in-namespace: unshare: ${error.message}`);
  process.exit(1);
});
child.on("exit", (code) => process.exit(code ?? 1));
