/**
 * How wide the output may be.
 *
 * Called by trace and demo.
 */
const COLUMNS_MIN = 80;
const COLUMNS_MAX = 120;
const COLUMNS_DEFAULT = 100;

/** The terminal's width within bounds that ladders look good in; 100 where there is no terminal. */
export function terminalColumns(): number {
  if (!process.stdout.isTTY) return COLUMNS_DEFAULT;
  return Math.min(COLUMNS_MAX, Math.max(COLUMNS_MIN, process.stdout.columns));
}
