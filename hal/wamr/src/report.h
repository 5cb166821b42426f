/**
 * Lines for the board's log: text with numbers in it, without the kilobytes that printf takes.
 */
#ifndef LINGER_REPORT_H
#define LINGER_REPORT_H

/** `%u` takes a uint32_t in decimal, `%x` one in hexadecimal, `%s` a text. Adds "linger: ", \n. */
void linger_report(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
