/**
 * The retransmission timeout against RFC 6298 in floating point.
 */

import { resetFlows } from "../../assembly/tcp/flow";
import { resetParameters } from "../../assembly/tcp/parameters";
import { backOff, currentRto, takeRttSample } from "../../assembly/tcp/rtt";
import { Tcb, allocateTcb, resetTcbs } from "../../assembly/tcp/tcb";
import { nextRandom, seed } from "./scratch";

/** RFC 6298 §2.4 and §2.5. */
const RTO_MIN_MS: u32 = 1_000;
const RTO_MAX_MS: u32 = 60_000;

function freshTcb(): Tcb {
  resetFlows();
  resetParameters();
  resetTcbs();
  const tcb = allocateTcb()!;
  tcb.rto = 1000;
  return tcb;
}

describe("RTT estimation", () => {
  test("the first sample sets SRTT = R and RTTVAR = R/2 (RFC 6298 §2.2)", () => {
    for (let sample: u32 = 1; sample < 30_000; sample += 371) {
      const tcb = freshTcb();
      takeRttSample(tcb, sample);
      expect<u32>(tcb.srtt8).toBe(sample * 8);
      expect<u32>(tcb.rttvar4).toBe(sample * 2);
      // RTO = SRTT + 4·RTTVAR = 3·R, within its bounds.
      expect<u32>(currentRto(tcb)).toBe(min(max<u32>(3 * sample, RTO_MIN_MS), RTO_MAX_MS));
    }
  });

  test("follows RFC 6298 §2.3 to the millisecond or two", () => {
    seed(31);
    for (let round = 0; round < 20; ++round) {
      const tcb = freshTcb();
      const base = 1 + (nextRandom() % 2000);
      let srtt: f64 = 0;
      let rttvar: f64 = 0;
      for (let i = 0; i < 60; ++i) {
        const sample = base + (nextRandom() % (base + 1));
        const r = <f64>sample;
        if (i == 0) {
          srtt = r;
          rttvar = r / 2;
        } else {
          rttvar = 0.75 * rttvar + 0.25 * Math.abs(srtt - r);
          srtt = 0.875 * srtt + 0.125 * r;
        }
        takeRttSample(tcb, sample);
        expect<bool>(Math.abs(<f64>tcb.srtt8 / 8 - srtt) < 2).toBe(true);
        // RTTVAR × 4 gathers the rounding of its two divisions.
        expect<bool>(Math.abs(<f64>tcb.rttvar4 - 4 * rttvar) < 10).toBe(true);
        const rto = Math.min(Math.max(srtt + 4 * rttvar, 1000), 60_000);
        expect<bool>(Math.abs(<f64>currentRto(tcb) - rto) < 12).toBe(true);
      }
    }
  });

  test("steady samples settle on them, with the least RTO of 1 s (RFC 6298 §2.4)", () => {
    const tcb = freshTcb();
    for (let i = 0; i < 100; ++i) takeRttSample(tcb, 20);
    expect<u32>(tcb.srtt8 >> 3).toBe(20);
    expect<u32>(currentRto(tcb)).toBe(RTO_MIN_MS);
  });

  test("a sample of 0 ms, below the clock's granularity, counts as 1 ms", () => {
    const tcb = freshTcb();
    for (let i = 0; i < 50; ++i) takeRttSample(tcb, 0);
    expect<u32>(tcb.srtt8).toBe(8);
    expect<u32>(currentRto(tcb)).toBe(RTO_MIN_MS);
  });

  test("each expiry doubles it, up to 60 s (RFC 6298 §5.5)", () => {
    const tcb = freshTcb();
    takeRttSample(tcb, 500);
    let wanted: u32 = 1500;
    for (let i = 0; i < 20; ++i) {
      expect<u32>(currentRto(tcb)).toBe(min(wanted, RTO_MAX_MS));
      backOff(tcb);
      wanted = min<u32>(wanted * 2, 1_000_000);
    }
  });

  test("a sample ends the backoff", () => {
    const tcb = freshTcb();
    takeRttSample(tcb, 500);
    for (let i = 0; i < 5; ++i) backOff(tcb);
    takeRttSample(tcb, 500);
    expect<bool>(currentRto(tcb) < 1500).toBe(true);
  });

  test("the longest round trips neither wrap nor exceed 60 s", () => {
    const tcb = freshTcb();
    for (let i = 0; i < 50; ++i) {
      takeRttSample(tcb, i & 1 ? 86_400_000 : 1);
      expect<bool>(currentRto(tcb) >= RTO_MIN_MS && currentRto(tcb) <= RTO_MAX_MS).toBe(true);
    }
  });
});
