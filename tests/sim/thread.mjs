/**
 * The beginning of a thread of `npm run sim`: teaches it TypeScript, which the main thread has
 * learnt on its command line, and goes on in worker.ts.
 *
 * Started by crew.ts.
 */
import { register } from "tsx/esm/api";

register();
await import("./worker.ts");
