/**
 * Puts a line together and gives it to the port's log. Called by the loop, the engines and boards.
 */
#include "report.h"

#include <stdarg.h>
#include <stdint.h>

#include "linger-port.h"

#define LINE_OCTETS 160
#define DIGITS_MAX 10

struct line {
  char text[LINE_OCTETS];
  uint32_t length;
};

static void put(struct line *line, const char *text) {
  while (*text != '\0' && line->length < LINE_OCTETS - 2) line->text[line->length++] = *text++;
}

static void put_number(struct line *line, uint32_t number, uint32_t base) {
  char digits[DIGITS_MAX + 1];
  char *at = digits + DIGITS_MAX;
  *at = '\0';
  do {
    *--at = "0123456789abcdef"[number % base];
    number /= base;
  } while (number != 0);
  put(line, at);
}

void linger_report(const char *format, ...) {
  struct line line = {.length = 0};
  va_list arguments;
  va_start(arguments, format);
  put(&line, "linger: ");
  for (; *format != '\0'; ++format) {
    const char one[2] = {*format, '\0'};
    if (*format != '%') put(&line, one);
    else if (*++format == 's') put(&line, va_arg(arguments, const char *));
    else put_number(&line, va_arg(arguments, unsigned), *format == 'x' ? 16 : 10);
  }
  va_end(arguments);
  line.text[line.length] = '\n';
  line.text[line.length + 1] = '\0';
  linger_port_log(line.text);
}
