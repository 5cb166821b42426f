/**
 * Recordings of what a module was given: writing, reading, running them again.
 *
 * Used by Stack and the command line; users may take runs apart with it.
 */
export * from "./read-recording.ts";
export { Recorder, type RecorderOptions, type RecordingSink } from "./recorder.ts";
export * from "./replay.ts";
