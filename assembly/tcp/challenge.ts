/**
 * The limit on acknowledgements that a stranger could make us send.
 *
 * RFC 5961 §7 (ACK throttling), RFC 9293 §3.10.7.4. The limit is counted per connection and not for
 * all together: a shared one tells an attacker about other people's connections (CVE-2016-5696).
 */
import { now } from "../core/clock";
import { ListedFlow } from "./flow";

/** Per connection and second: enough for every honest desynchronised peer, too few to amplify. */
@inline const CHALLENGES_PER_SECOND: u32 = 10;
/** A "second" of 1,024 ms, so that a shift finds it. */
@inline const SECOND_SHIFT: u32 = 10;

/** Whether one more challenge ACK may be sent for this flow; counts it. */
export function takeChallenge(flow: ListedFlow): bool {
  const second = <u8>(now() >> SECOND_SHIFT);
  if (flow.challengeSecond != second) {
    flow.challengeSecond = second;
    flow.challengesSent = 0;
  }
  if (<u32>flow.challengesSent >= CHALLENGES_PER_SECOND) return false;
  flow.challengesSent += 1;
  return true;
}
