/**
 * The HTTP client of the demonstration: curl where the peer is the kernel, else a few lines over
 * the peer's own connection.
 *
 * Called by the HTTP scenario.
 */
import { spawn, spawnSync } from "node:child_process";
import type { Cast } from "./scenario.ts";
import type { EndConnection } from "./tcp-end.ts";

interface Fetched {
  /** Who fetched. */
  by: string;
  /** The status codes of both answers. */
  codes: string[];
  /** Both were 200 and held what they should. */
  isGood: boolean;
}

const PATHS = ["/", "/status.json"] as const;

/** Fetches the page and its JSON over one connection from the scenario's port, then closes. */
export async function fetchTwice(cast: Cast): Promise<Fetched> {
  if (!cast.peerIsKernel) return fetchBySocket(cast);
  if (spawnSync("curl", ["--version"]).error === undefined) return fetchByCurl(cast);
  cast.stage.print("          (curl is not installed: a plain socket takes its place)");
  return fetchBySocket(cast);
}

async function fetchByCurl({ stage, linger }: Cast): Promise<Fetched> {
  const urls = PATHS.map((path) => `http://${linger.address}${path}`);
  const port = String(stage.tuple.rightPort);
  const marker = "\n@@ %{http_code}\n";
  // Neither the user's settings nor a proxy may lead curl anywhere else.
  const fixed = ["-q", "--noproxy", "*", "--silent", "--show-error", "--max-time", "20"];
  const args = [...fixed, "--local-port", port, "--write-out", marker, ...urls];
  let output = "";
  let exitCode: number | null | undefined;
  stage.print(`          (curl ${urls.join(" ")})`);
  await stage.call("right", "OPEN by curl", async () => {
    const curl = spawn("curl", args, { stdio: ["ignore", "pipe", "inherit"] });
    curl.stdout.on("data", (data: Buffer) => (output += data.toString()));
    curl.on("close", (code) => (exitCode = code));
  });
  await stage.until("curl to end", () => exitCode !== undefined);
  const codes = Array.from(output.matchAll(/^@@ ([0-9]+)$/gm), ([, code]) => code!);
  return { by: "curl", codes, isGood: exitCode === 0 && isComplete(output, codes) };
}

async function fetchBySocket({ stage, linger, peer }: Cast): Promise<Fetched> {
  const { leftPort, rightPort } = stage.tuple;
  const socket = await stage.call("right", "OPEN", () =>
    peer.connect(linger.address, leftPort, { localPort: rightPort }),
  );
  await stage.reach("ESTABLISHED", "ESTABLISHED");
  for (const path of PATHS) {
    const before = socket.received.length;
    const request = `GET ${path} HTTP/1.1\r\nHost: ${linger.address}\r\n\r\n`;
    await stage.call("right", `SEND GET ${path}`, () => socket.send(request));
    await stage.until("the answer", () => isAnswered(socket, before));
  }
  await stage.acknowledged();
  await stage.call("right", "CLOSE", () => socket.closeWrite());
  const codes = Array.from(
    socket.received.matchAll(/^HTTP\/1\.1 ([0-9]+) /gm),
    ([, code]) => code!,
  );
  return { by: `${peer.name}'s client`, codes, isGood: isComplete(socket.received, codes) };
}

function isAnswered(socket: EndConnection, from: number): boolean {
  const [head = "", ...body] = socket.received.slice(from).split("\r\n\r\n");
  const [, length] = /^Content-Length: ([0-9]+)$/im.exec(head) ?? [];
  return length !== undefined && body.join("\r\n\r\n").length >= Number(length);
}

function isComplete(text: string, codes: readonly string[]): boolean {
  const allFound = codes.length === PATHS.length && codes.every((code) => code === "200");
  return allFound && text.includes("<h1>Linger</h1>") && text.includes('"uptimeSeconds"');
}
