/**
 * Stellaris LM3S6965: Cortex-M3 at 50 MHz, a MAC with PHY on the chip, PL011 UART. The port of
 * `linger-port.h`.
 *
 * Runs in QEMU (`-M lm3s6965evb`) and is written to the data sheet, where it has not run. The chip
 * has no random number generator: `common/entropy.c` says what that means. QEMU models no PHY: its
 * registers read 0, which no PHY's status does, and that is taken for a link that is up.
 */
#include "../../src/report.h"
#include "../common/entropy.h"
#include "../cortex-m/cortex-m.h"
#include "linger-port.h"

#define CORE_HZ 50000000u
#define FLASH_OCTETS (256u << 10)
#define RAM_OCTETS (64u << 10)
#define UART_LINE 5
#define MAC_LINE 42

/* System control: clocks. The PLL makes 200 MHz of the board's 8 MHz, here divided by four. */
#define RIS REGISTER(0x400fe050u)
#define RCC REGISTER(0x400fe060u)
#define RCGC1 REGISTER(0x400fe104u)
#define RCGC2 REGISTER(0x400fe108u)
#define USER_REG0 REGISTER(0x400fe1e0u)
#define USER_REG1 REGISTER(0x400fe1e4u)
#define RCC_8_MHZ_CRYSTAL (0xeu << 6)
#define RCC_DIVIDE_BY_4 (3u << 23 | 1u << 22)
#define RCC_BYPASS (1u << 11)
#define RIS_PLL_LOCKED (1u << 6)
#define RCGC1_UART0 1u
#define RCGC2_MAC_PHY_GPIOF_GPIOA (1u << 30 | 1u << 28 | 1u << 5 | 1u)
#define SPINS_MAX 100000u

#define GPIOA_AFSEL REGISTER(0x40004420u)
#define GPIOA_DEN REGISTER(0x4000451cu)
#define GPIOA_UART0 3u
#define GPIOF_AFSEL REGISTER(0x40025420u)
#define GPIOF_DEN REGISTER(0x4002551cu)
#define GPIOF_LEDS 0xcu

#define UART 0x4000c000u
#define UART_DATA REGISTER(UART + 0x00)
#define UART_FLAG REGISTER(UART + 0x18)
#define UART_IBRD REGISTER(UART + 0x24)
#define UART_FBRD REGISTER(UART + 0x28)
#define UART_LCRH REGISTER(UART + 0x2c)
#define UART_CTL REGISTER(UART + 0x30)
#define UART_IM REGISTER(UART + 0x38)
#define UART_ICR REGISTER(UART + 0x44)
#define UART_RX_EMPTY (1u << 4)
#define UART_TX_FULL (1u << 5)
#define UART_8N1 0x60u
#define UART_ON 0x301u
#define UART_RX_INTERRUPTS 0x50u
/** 115,200 baud: 50 MHz / 16 / 115,200 = 27 + 8/64. */
#define UART_IBRD_115200 27u
#define UART_FBRD_115200 8u

#define MAC 0x40048000u
#define MACRIS REGISTER(MAC + 0x00)
#define MACIM REGISTER(MAC + 0x04)
#define MACRCTL REGISTER(MAC + 0x08)
#define MACTCTL REGISTER(MAC + 0x0c)
#define MACDATA REGISTER(MAC + 0x10)
#define MACIA0 REGISTER(MAC + 0x14)
#define MACIA1 REGISTER(MAC + 0x18)
#define MACMCTL REGISTER(MAC + 0x20)
#define MACMDV REGISTER(MAC + 0x24)
#define MACMRXD REGISTER(MAC + 0x30)
#define MACNP REGISTER(MAC + 0x34)
#define MACTR REGISTER(MAC + 0x38)
#define INT_RX 1u
#define INT_TX_EMPTY 4u
#define INT_OVERRUN 8u
#define INT_PHY 0x40u
#define RCTL_ON_DROP_BAD_RESET 0x19u
#define TCTL_ON_PAD_CRC_DUPLEX 0x17u
#define NEW_TX 1u
#define MCTL_START 1u
#define MCTL_READ(which) ((which) << 3 | MCTL_START)
/** Management clock below 2.5 MHz. */
#define MDV_50_MHZ 9u
#define PHY_STATUS 1u
#define PHY_STATUS_LINK 4u
#define PHY_INTERRUPTS 17u

/** In front of a frame in the FIFO: its length, of two octets, so that its own are aligned. */
#define LENGTH_OCTETS 2u
#define FCS_OCTETS 4u
#define HEADER_OCTETS 14u

static bool link_is_up;

static void start_uart(void) {
  GPIOA_AFSEL |= GPIOA_UART0;
  GPIOA_DEN |= GPIOA_UART0;
  UART_IBRD = UART_IBRD_115200;
  UART_FBRD = UART_FBRD_115200;
  UART_LCRH = UART_8N1;
  UART_CTL = UART_ON;
}

void board_start(void);
void board_start(void) {
  RCC = RCC_8_MHZ_CRYSTAL | RCC_DIVIDE_BY_4 | RCC_BYPASS;
  for (uint32_t i = 0; i < SPINS_MAX && (RIS & RIS_PLL_LOCKED) == 0; ++i) continue;
  RCC = RCC_8_MHZ_CRYSTAL | RCC_DIVIDE_BY_4;
  RCGC1 |= RCGC1_UART0;
  RCGC2 |= RCGC2_MAC_PHY_GPIOF_GPIOA;
  cortex_m_start_clock(CORE_HZ);
  cortex_m_protect(FLASH_OCTETS, RAM_OCTETS);
  start_uart();
}

static uint32_t read_phy(uint32_t which) {
  MACMCTL = MCTL_READ(which);
  for (uint32_t i = 0; i < SPINS_MAX && (MACMCTL & MCTL_START) != 0; ++i) continue;
  return MACMRXD;
}

static void watch_link(void) {
  const uint32_t status = read_phy(PHY_STATUS);
  link_is_up = status == 0 || (status & PHY_STATUS_LINK) != 0;
}

/** The maker writes the address into two words of flash, three octets each. */
static void read_link_address(uint8_t to[6]) {
  for (uint32_t i = 0; i < 3; ++i) {
    to[i] = (uint8_t)(USER_REG0 >> 8 * i);
    to[i + 3] = (uint8_t)(USER_REG1 >> 8 * i);
  }
}

bool linger_port_init(uint8_t link_address[6]) {
  read_link_address(link_address);
  if ((link_address[0] & 1) != 0) {
    linger_report("the link address was never written: USER_REG0 and USER_REG1 are empty");
    return false;
  }
  GPIOF_AFSEL |= GPIOF_LEDS;
  GPIOF_DEN |= GPIOF_LEDS;
  MACIM = 0;
  MACMDV = MDV_50_MHZ;
  MACRCTL = RCTL_ON_DROP_BAD_RESET;
  MACTCTL = TCTL_ON_PAD_CRC_DUPLEX;
  MACIA0 = (uint32_t)link_address[3] << 24 | (uint32_t)link_address[2] << 16 |
           (uint32_t)link_address[1] << 8 | link_address[0];
  MACIA1 = (uint32_t)link_address[5] << 8 | link_address[4];
  MACRIS = UINT32_MAX;
  watch_link();
  MACIM = INT_RX | INT_OVERRUN | INT_PHY;
  UART_IM = UART_RX_INTERRUPTS;
  cortex_m_enable(MAC_LINE);
  cortex_m_enable(UART_LINE);
  return true;
}

static void skip_words(uint32_t words) {
  for (uint32_t i = 0; i < words; ++i) (void)MACDATA;
}

uint32_t linger_port_receive(uint8_t *slot, uint32_t capacity) {
  while (MACNP != 0) {
    uint32_t *const to = (uint32_t *)(uintptr_t)(slot - LENGTH_OCTETS);
    const uint32_t first = MACDATA;
    const uint32_t all = first & 0xffff;
    const uint32_t words = (all + 3) / 4;
    const uint32_t octets = all - LENGTH_OCTETS - FCS_OCTETS;
    if (all < LENGTH_OCTETS + HEADER_OCTETS + FCS_OCTETS || octets > capacity) {
      if (words > 1) skip_words(words - 1);
      continue;
    }
    const uint32_t wanted = (LENGTH_OCTETS + octets + 3) / 4;
    to[0] = first;
    for (uint32_t i = 1; i < wanted; ++i) to[i] = MACDATA;
    skip_words(words - wanted);
    return octets;
  }
  return 0;
}

bool linger_port_transmit(const uint8_t *frame, uint32_t octets) {
  if ((MACTR & NEW_TX) != 0) {
    MACIM |= INT_TX_EMPTY;
    return false;
  }
  const uint32_t length = octets - HEADER_OCTETS;
  uint32_t word = (uint32_t)frame[1] << 24 | (uint32_t)frame[0] << 16 | length;
  MACDATA = word;
  // The transmit frame begins at 2 mod 4 like a receive slot, so the rest are aligned words.
  const uint32_t *const from = (const uint32_t *)(uintptr_t)(frame + LENGTH_OCTETS);
  for (uint32_t i = 0; i < (octets - LENGTH_OCTETS + 3) / 4; ++i) MACDATA = from[i];
  MACTR = NEW_TX;
  return true;
}

uint32_t linger_port_now_ms(void) {
  return cortex_m_now_ms();
}

uint32_t linger_port_entropy(void) {
  return linger_mix_entropy(cortex_m_ticks());
}

void linger_port_idle(uint32_t ms) {
  if ((MACRIS & INT_TX_EMPTY) != 0) MACIM &= ~INT_TX_EMPTY;
  MACRIS = INT_RX | INT_OVERRUN | INT_TX_EMPTY;
  // A frame that came before its flag was cleared raises it no more.
  if (MACNP == 0) cortex_m_idle(ms);
}

bool linger_port_link_is_up(void) {
  if ((MACRIS & INT_PHY) != 0) {
    (void)read_phy(PHY_INTERRUPTS);
    MACRIS = INT_PHY;
    watch_link();
  }
  return link_is_up;
}

bool linger_port_status_is_asked(void) {
  if ((UART_FLAG & UART_RX_EMPTY) != 0) return false;
  (void)UART_DATA;
  UART_ICR = UART_RX_INTERRUPTS;
  return true;
}

void linger_port_log(const char *text) {
  for (; *text != '\0'; ++text) {
    while ((UART_FLAG & UART_TX_FULL) != 0) continue;
    UART_DATA = (uint8_t)*text;
  }
}
