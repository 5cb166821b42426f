/**
 * The LAN9118's driver: whole words between its FIFOs and the module's memory.
 *
 * Register names are the data sheet's. Frames in memory begin at 2 mod 4; the chip is told to put
 * two octets in front of a received frame and to skip two in front of a sent one, so that every
 * access is an aligned word.
 */
#include "lan9118.h"

#include "../cortex-m/cortex-m.h"

#define BASE 0x40200000u
#define RX_DATA_FIFO REGISTER(BASE + 0x00)
#define TX_DATA_FIFO REGISTER(BASE + 0x20)
#define RX_STATUS_FIFO REGISTER(BASE + 0x40)
#define TX_STATUS_FIFO REGISTER(BASE + 0x48)
#define IRQ_CFG REGISTER(BASE + 0x54)
#define INT_STS REGISTER(BASE + 0x58)
#define INT_EN REGISTER(BASE + 0x5c)
#define BYTE_TEST REGISTER(BASE + 0x64)
#define FIFO_INT REGISTER(BASE + 0x68)
#define RX_CFG REGISTER(BASE + 0x6c)
#define TX_CFG REGISTER(BASE + 0x70)
#define HW_CFG REGISTER(BASE + 0x74)
#define RX_FIFO_INF REGISTER(BASE + 0x7c)
#define TX_FIFO_INF REGISTER(BASE + 0x80)
#define MAC_CSR_CMD REGISTER(BASE + 0xa4)
#define MAC_CSR_DATA REGISTER(BASE + 0xa8)

#define BYTE_TEST_VALUE 0x87654321u
#define HW_CFG_RESET 1u
#define HW_CFG_MUST_BE_ONE (1u << 20)
#define HW_CFG_TX_FIFO_KB(kb) ((kb) << 16)
#define IRQ_ENABLE_ACTIVE_HIGH_PUSH_PULL 0x111u
#define INT_RX_STATUS (1u << 3)
#define INT_TX_AVAILABLE (1u << 9)
#define INT_PHY (1u << 18)
#define TX_AVAILABLE_LEVEL(blocks) ((blocks) << 24)
#define RX_CFG_OFFSET(octets) ((octets) << 8)
#define TX_CFG_ON 2u
#define TX_CFG_STATUS_ALLOWED_FULL 4u
#define RX_STATUS_ERROR (1u << 15)
#define CSR_BUSY (1u << 31)
#define CSR_READ (1u << 30)

enum csr { MAC_CR = 1, ADDRH = 2, ADDRL = 3, MII_ACC = 6, MII_DATA = 7 };
#define MAC_CR_TX_ON (1u << 3)
#define MAC_CR_RX_ON (1u << 2)
#define MAC_CR_FULL_DUPLEX (1u << 20)

enum phy { PHY_CONTROL = 0, PHY_STATUS = 1, PHY_INT_SOURCE = 29, PHY_INT_MASK = 30 };
#define PHY_ADDRESS (1u << 11)
#define MII_BUSY 1u
#define MII_WRITE 2u
#define PHY_NEGOTIATE 0x1200u
#define PHY_STATUS_LINK (1u << 2)
#define PHY_INT_LINK_CHANGES 0x50u

/** Two octets in front make a frame's own words aligned. */
#define PADDING 2u
#define FCS_OCTETS 4u
/** A command costs two words of the FIFO. */
#define COMMAND_OCTETS 8u
#define FIRST_AND_LAST 0x3000u
#define FRAME_OCTETS_MAX 1514u
#define SPINS_MAX 100000u

static bool link_is_up;

static uint32_t read_csr(enum csr which) {
  MAC_CSR_CMD = CSR_BUSY | CSR_READ | which;
  for (uint32_t i = 0; i < SPINS_MAX && (MAC_CSR_CMD & CSR_BUSY) != 0; ++i) continue;
  return MAC_CSR_DATA;
}

static void write_csr(enum csr which, uint32_t value) {
  MAC_CSR_DATA = value;
  MAC_CSR_CMD = CSR_BUSY | which;
  for (uint32_t i = 0; i < SPINS_MAX && (MAC_CSR_CMD & CSR_BUSY) != 0; ++i) continue;
}

static void wait_for_phy(void) {
  for (uint32_t i = 0; i < SPINS_MAX && (read_csr(MII_ACC) & MII_BUSY) != 0; ++i) continue;
}

static uint32_t read_phy(enum phy which) {
  write_csr(MII_ACC, PHY_ADDRESS | which << 6 | MII_BUSY);
  wait_for_phy();
  return read_csr(MII_DATA);
}

static void write_phy(enum phy which, uint32_t value) {
  write_csr(MII_DATA, value);
  write_csr(MII_ACC, PHY_ADDRESS | which << 6 | MII_WRITE | MII_BUSY);
  wait_for_phy();
}

bool lan9118_start(uint8_t link_address[6]) {
  if (BYTE_TEST != BYTE_TEST_VALUE) return false;
  HW_CFG = HW_CFG_RESET;
  for (uint32_t i = 0; i < SPINS_MAX && (HW_CFG & HW_CFG_RESET) != 0; ++i) continue;
  HW_CFG = HW_CFG_MUST_BE_ONE | HW_CFG_TX_FIFO_KB(5u);
  const uint32_t low = read_csr(ADDRL);
  const uint32_t high = read_csr(ADDRH);
  for (uint32_t i = 0; i < 6; ++i) {
    link_address[i] = (uint8_t)(i < 4 ? low >> 8 * i : high >> 8 * (i - 4));
  }
  write_phy(PHY_CONTROL, PHY_NEGOTIATE);
  write_phy(PHY_INT_MASK, PHY_INT_LINK_CHANGES);
  RX_CFG = RX_CFG_OFFSET(PADDING);
  TX_CFG = TX_CFG_ON | TX_CFG_STATUS_ALLOWED_FULL;
  FIFO_INT = TX_AVAILABLE_LEVEL((FRAME_OCTETS_MAX + COMMAND_OCTETS) / 64 + 1);
  write_csr(MAC_CR, MAC_CR_TX_ON | MAC_CR_RX_ON | MAC_CR_FULL_DUPLEX);
  link_is_up = (read_phy(PHY_STATUS) & PHY_STATUS_LINK) != 0;
  INT_STS = UINT32_MAX;
  INT_EN = INT_RX_STATUS | INT_PHY;
  IRQ_CFG = IRQ_ENABLE_ACTIVE_HIGH_PUSH_PULL;
  return true;
}

/** Throws away what is left of a frame. The chip has a command for that, with exceptions. */
static void skip_words(uint32_t words) {
  for (uint32_t i = 0; i < words; ++i) (void)RX_DATA_FIFO;
}

static bool has_frame(void) {
  return (RX_FIFO_INF >> 16 & 0xff) != 0;
}

uint32_t lan9118_receive(uint8_t *slot, uint32_t capacity) {
  while (has_frame()) {
    const uint32_t status = RX_STATUS_FIFO;
    const uint32_t octets = status >> 16 & 0x3fff;
    const uint32_t words = (PADDING + octets + 3) / 4;
    if ((status & RX_STATUS_ERROR) != 0 || octets < FCS_OCTETS || octets - FCS_OCTETS > capacity) {
      skip_words(words);
      continue;
    }
    // A word may hold the first octets of the FCS, which the slot's padding takes.
    const uint32_t wanted = (PADDING + octets - FCS_OCTETS + 3) / 4;
    uint32_t *const to = (uint32_t *)(uintptr_t)(slot - PADDING);
    for (uint32_t i = 0; i < wanted; ++i) to[i] = RX_DATA_FIFO;
    skip_words(words - wanted);
    return octets - FCS_OCTETS;
  }
  return 0;
}

bool lan9118_transmit(const uint8_t *frame, uint32_t octets) {
  while ((TX_FIFO_INF >> 16 & 0xff) != 0) (void)TX_STATUS_FIFO;
  const uint32_t padding = (uintptr_t)frame & 3u;
  const uint32_t words = (padding + octets + 3) / 4;
  if ((TX_FIFO_INF & 0xffff) < 4 * words + COMMAND_OCTETS) {
    INT_EN |= INT_TX_AVAILABLE;
    return false;
  }
  TX_DATA_FIFO = padding << 16 | FIRST_AND_LAST | octets;
  TX_DATA_FIFO = octets;
  const uint32_t *const from = (const uint32_t *)(uintptr_t)(frame - padding);
  for (uint32_t i = 0; i < words; ++i) TX_DATA_FIFO = from[i];
  return true;
}

bool lan9118_link_is_up(void) {
  // The PHY is slow to ask: only when it has said that something changed.
  if ((INT_STS & INT_PHY) != 0) {
    (void)read_phy(PHY_INT_SOURCE);
    INT_STS = INT_PHY;
    link_is_up = (read_phy(PHY_STATUS) & PHY_STATUS_LINK) != 0;
  }
  return link_is_up;
}

bool lan9118_may_sleep(void) {
  INT_EN &= ~(INT_STS & INT_TX_AVAILABLE);
  INT_STS = INT_RX_STATUS | INT_TX_AVAILABLE;
  // A frame that came before its flag was cleared raises it no more.
  return !has_frame();
}
