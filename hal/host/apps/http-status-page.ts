/**
 * The status page of `linger serve http`: what the stack counts, and who is connected.
 *
 * Called by http.ts. Shows addresses of peers to whoever asks: it is a page for a laboratory.
 */
import type { Stack } from "../stack.ts";
import type { App } from "./serve.ts";

interface StatusDocument {
  address: string;
  mac: string;
  uptimeSeconds: number;
  acceptedCount: number;
  connections: {
    remote: string;
    state: string;
    octetsIn: number;
    octetsOut: number;
    retransmits: number;
  }[];
  counters: Record<string, number>;
}

export function statusDocument(stack: Stack, app: App, uptimeMs: number): StatusDocument {
  return {
    address: `${stack.address}/${stack.prefixLength}`,
    mac: stack.mac,
    uptimeSeconds: Math.floor(uptimeMs / 1000),
    acceptedCount: app.acceptedCount,
    connections: Array.from(app.connections, (connection) => {
      const status = connection.status();
      return {
        remote: `${connection.remoteHost}:${connection.remotePort}`,
        state: status.stateName.replaceAll("_", "-"),
        octetsIn: connection.bytesRead,
        octetsOut: connection.bytesWritten,
        retransmits: status.RETRANSMITS,
      };
    }),
    counters: stack.counters(),
  };
}

const STYLE =
  "body{font:16px/1.5 system-ui,sans-serif;max-width:44rem;margin:2rem auto;padding:0 1rem}" +
  "table{border-collapse:collapse;width:100%}td,th{padding:.2rem .6rem;text-align:left}" +
  "tr:nth-child(even){background:#8882}td.n{text-align:right;font-variant-numeric:tabular-nums}";

export function statusPage(document: StatusDocument): string {
  const { connections, counters } = document;
  const rows = connections.map(({ remote, state, octetsIn, octetsOut, retransmits }) =>
    row([remote, state], [octetsIn, octetsOut, retransmits]),
  );
  const counted = Object.entries(counters).filter(([, value]) => value > 0);
  return [
    "<!doctype html>",
    '<html lang="en"><meta charset="utf-8"><title>Linger</title>',
    '<meta name="viewport" content="width=device-width">',
    `<style>${STYLE}</style>`,
    "<h1>Linger</h1>",
    `<p>${escape(document.address)} (${escape(document.mac)}), up ${document.uptimeSeconds} s, `,
    `${document.acceptedCount} connections served. <a href="/status.json">As JSON</a></p>`,
    "<h2>Connections</h2>",
    "<table><tr><th>peer<th>state<th>octets in<th>out<th>sent again</tr>",
    ...rows,
    "</table><h2>Counters</h2><table>",
    ...counted.map(([name, value]) => row([name.toLowerCase().replaceAll("_", " ")], [value])),
    "</table></html>",
    "",
  ].join("\n");
}

function row(texts: readonly string[], numbers: readonly number[]): string {
  const cells = [
    ...texts.map((text) => `<td>${escape(text)}`),
    ...numbers.map((value) => `<td class="n">${value}`),
  ];
  return `<tr>${cells.join("")}</tr>`;
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}
