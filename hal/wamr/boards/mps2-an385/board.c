/**
 * Arm MPS2, image AN385: Cortex-M3 at 25 MHz, LAN9118, CMSDK UART. The port of `linger-port.h`.
 *
 * Runs in QEMU (`-M mps2-an385`) and is written to the documents of the real board, where it has
 * not run. The board has no random number generator: `common/entropy.c` says what that means.
 */
#include "../../src/report.h"
#include "../common/entropy.h"
#include "../cortex-m/cortex-m.h"
#include "lan9118.h"
#include "linger-port.h"

#define CORE_HZ 25000000u
#define FLASH_OCTETS (4u << 20)
#define RAM_OCTETS (4u << 20)
#define UART_LINE 0
#define MAC_LINE 13

#define UART 0x40004000u
#define UART_DATA REGISTER(UART + 0x00)
#define UART_STATE REGISTER(UART + 0x04)
#define UART_CTRL REGISTER(UART + 0x08)
#define UART_INTCLEAR REGISTER(UART + 0x0c)
#define UART_BAUDDIV REGISTER(UART + 0x10)
#define UART_TX_FULL 1u
#define UART_RX_FULL 2u
#define UART_TX_RX_RX_INTERRUPT 0x0bu
#define UART_RX_INTERRUPT 2u
#define BAUD 115200u
/** On the UART: the stack is put away. Any other key asks for the counters. */
#define SLEEP_KEY 'z'

static bool is_sleep_asked;

void board_start(void);
void board_start(void) {
  cortex_m_start_clock(CORE_HZ);
  cortex_m_protect(FLASH_OCTETS, RAM_OCTETS);
  UART_BAUDDIV = CORE_HZ / BAUD;
  UART_CTRL = UART_TX_RX_RX_INTERRUPT;
}

bool linger_port_init(uint8_t link_address[6]) {
  if (!lan9118_start(link_address)) {
    linger_report("there is no LAN9118");
    return false;
  }
  cortex_m_enable(MAC_LINE);
  cortex_m_enable(UART_LINE);
  return true;
}

uint32_t linger_port_receive(uint8_t *slot, uint32_t capacity) {
  return lan9118_receive(slot, capacity);
}

bool linger_port_transmit(const uint8_t *frame, uint32_t octets) {
  return lan9118_transmit(frame, octets);
}

uint32_t linger_port_now_ms(void) {
  return cortex_m_now_ms();
}

uint32_t linger_port_entropy(void) {
  return linger_mix_entropy(cortex_m_ticks());
}

void linger_port_idle(uint32_t ms) {
  if (lan9118_may_sleep()) cortex_m_idle(ms);
}

bool linger_port_link_is_up(void) {
  return lan9118_link_is_up();
}

bool linger_port_status_is_asked(void) {
  if ((UART_STATE & UART_RX_FULL) == 0) return false;
  const bool is_sleep = (UART_DATA & 0xff) == SLEEP_KEY;
  UART_INTCLEAR = UART_RX_INTERRUPT;
  if (is_sleep) is_sleep_asked = true;
  return !is_sleep;
}

bool linger_port_sleep_is_asked(void) {
  const bool is_asked = is_sleep_asked;
  is_sleep_asked = false;
  return is_asked;
}

void linger_port_log(const char *text) {
  for (; *text != '\0'; ++text) {
    while ((UART_STATE & UART_TX_FULL) != 0) continue;
    UART_DATA = (uint8_t)*text;
  }
}
