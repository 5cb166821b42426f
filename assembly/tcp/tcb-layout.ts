/**
 * What a TCB takes in memory: its fields, one list of ranges, and a part for each feature that this
 * build has.
 *
 *     | fields | received ranges | timestamps | SACK | reported ranges | RACK | flight |
 *     | keep-alive | urgent | path MTU | ECN | template |
 *
 * A feature that is compiled out has no part. The file of a feature declares its part as a class
 * and finds it at the offset given here. Knows sizes only, so that tcp/flow can lay out the pool.
 */
import {
  HAS_ECN, HAS_KEEP_ALIVE, HAS_OUT_OF_ORDER, HAS_PMTUD, HAS_SACK, HAS_STRAIGHT, HAS_TIMESTAMPS,
  HAS_URGENT,
  RUN_COUNT,
} from "../config";
import { RANGE_LIST_SIZE } from "./ranges";

/** The fields that every build has: class Tcb. */
@inline export const TCB_FIELDS_SIZE: u32 = 172;
@inline const RECEIVED_SIZE: u32 = HAS_OUT_OF_ORDER ? RANGE_LIST_SIZE : 0;
@inline export const TIMESTAMPS_SIZE: u32 = HAS_TIMESTAMPS ? 12 : 0;
@inline export const SACK_SIZE: u32 = HAS_SACK ? 16 : 0;
@inline const REPORTED_SIZE: u32 = HAS_SACK ? RANGE_LIST_SIZE : 0;
@inline export const RACK_SIZE: u32 = HAS_SACK ? 28 : 0;
@inline export const FLIGHT_SIZE: u32 = HAS_SACK ? 4 + 4 * RUN_COUNT : 0;
@inline export const KEEP_ALIVE_SIZE: u32 = HAS_KEEP_ALIVE ? 12 : 0;
@inline export const URGENT_SIZE: u32 = HAS_URGENT ? 8 : 0;
@inline export const PMTUD_SIZE: u32 = HAS_PMTUD ? 12 : 0;
@inline export const ECN_SIZE: u32 = HAS_ECN ? 4 : 0;
@inline export const TEMPLATE_SIZE: u32 = HAS_STRAIGHT ? 28 : 0;

@inline export const RECEIVED_OFFSET: u32 = TCB_FIELDS_SIZE;
@inline export const TIMESTAMPS_OFFSET: u32 = RECEIVED_OFFSET + RECEIVED_SIZE;
@inline export const SACK_OFFSET: u32 = TIMESTAMPS_OFFSET + TIMESTAMPS_SIZE;
@inline export const REPORTED_OFFSET: u32 = SACK_OFFSET + SACK_SIZE;
@inline export const RACK_OFFSET: u32 = REPORTED_OFFSET + REPORTED_SIZE;
@inline export const FLIGHT_OFFSET: u32 = RACK_OFFSET + RACK_SIZE;
@inline export const KEEP_ALIVE_OFFSET: u32 = FLIGHT_OFFSET + FLIGHT_SIZE;
@inline export const URGENT_OFFSET: u32 = KEEP_ALIVE_OFFSET + KEEP_ALIVE_SIZE;
@inline export const PMTUD_OFFSET: u32 = URGENT_OFFSET + URGENT_SIZE;
@inline export const ECN_OFFSET: u32 = PMTUD_OFFSET + PMTUD_SIZE;
@inline export const TEMPLATE_OFFSET: u32 = ECN_OFFSET + ECN_SIZE;
@inline const PARTS_END: u32 = TEMPLATE_OFFSET + TEMPLATE_SIZE;

/** A multiple of 8, the unit of links (tcp/flow). */
@inline export const TCB_SIZE: u32 = (PARTS_END + 7) & ~7;
