/**
 * SMSC LAN9118, an Ethernet controller with a parallel bus: PHY, MAC and FIFOs in one chip, no DMA.
 *
 * Called by the board. Its receive FIFO is the receive queue.
 */
#ifndef LINGER_LAN9118_H
#define LINGER_LAN9118_H

#include <stdbool.h>
#include <stdint.h>

/** Starts the chip and reads its link address, which its EEPROM holds. False: no such chip. */
bool lan9118_start(uint8_t link_address[6]);

/** As `linger_port_receive` and `linger_port_transmit`. */
uint32_t lan9118_receive(uint8_t *slot, uint32_t capacity);
bool lan9118_transmit(const uint8_t *frame, uint32_t octets);

bool lan9118_link_is_up(void);

/** To be asked before sleeping: lets go of the interrupt line. False if a frame is there already. */
bool lan9118_may_sleep(void);

#endif
