/**
 * The status page of `linger serve http`: what the stack counts, and who is connected.
 *
 * Called by http.ts. Shows addresses of peers to whoever asks: it is a page for a laboratory.
 */
import type { ConnectionStatus } from "../names.ts";
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
    /** All that STATUS says. */
    tcb: ConnectionStatus;
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
        tcb: status,
      };
    }),
    counters: stack.counters(),
  };
}

/** What the table of connections shows of a TCB; all of it is in the JSON. */
const COLUMNS: [title: string, read: (tcb: ConnectionStatus) => number][] = [
  ["in flight", ({ SND_NXT, SND_UNA }) => (SND_NXT - SND_UNA) >>> 0],
  ["SND.WND", ({ SND_WND }) => SND_WND],
  ["RCV.WND", ({ RCV_WND }) => RCV_WND],
  ["cwnd", ({ CWND }) => CWND],
  ["ssthresh", ({ SSTHRESH }) => SSTHRESH],
  ["SRTT ms", ({ SRTT_MS }) => SRTT_MS],
  ["RTO ms", ({ RTO_MS }) => RTO_MS],
  ["sent again", ({ RETRANSMITS }) => RETRANSMITS],
];

const STYLE =
  "body{font:16px/1.5 system-ui,sans-serif;max-width:64rem;margin:2rem auto;padding:0 1rem}" +
  "table{border-collapse:collapse;width:100%}td,th{padding:.2rem .6rem;text-align:left}" +
  "tr:nth-child(even){background:#8882}td.n{text-align:right;font-variant-numeric:tabular-nums}";

export function statusPage(document: StatusDocument): string {
  const { connections, counters } = document;
  const rows = connections.map(({ remote, state, octetsIn, octetsOut, tcb }) =>
    row([remote, state], [octetsIn, octetsOut, ...COLUMNS.map(([, read]) => read(tcb))]),
  );
  const titles = ["peer", "state", "octets in", "out", ...COLUMNS.map(([title]) => title)];
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
    `<table><tr>${titles.map((title) => `<th>${title}`).join("")}</tr>`,
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
