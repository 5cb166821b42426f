/**
 * Where a recording goes: the board's second CMSDK UART, of which whoever is at the other end must
 * keep up. QEMU gives it a file with a second `-serial`. The port of `linger-record.h`.
 */
#include "../cortex-m/cortex-m.h"
#include "linger-record.h"

#define UART 0x40005000u
#define UART_DATA REGISTER(UART + 0x00)
#define UART_STATE REGISTER(UART + 0x04)
#define UART_CTRL REGISTER(UART + 0x08)
#define UART_BAUDDIV REGISTER(UART + 0x10)
#define UART_TX_FULL 1u
#define UART_TX 1u
/** The fastest that the UART has: a sixteenth of the core's clock. */
#define DIVIDER_MIN 16u

void linger_port_record(const uint8_t *octets, uint32_t count) {
  if (UART_CTRL != UART_TX) {
    UART_BAUDDIV = DIVIDER_MIN;
    UART_CTRL = UART_TX;
  }
  for (uint32_t i = 0; i < count; ++i) {
    while ((UART_STATE & UART_TX_FULL) != 0) continue;
    UART_DATA = octets[i];
  }
}
