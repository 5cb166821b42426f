/**
 * The board's side: what a port implements, and all that it implements. `src/hal.c` calls it, from
 * one thread and never from an interrupt; `hal/wamr/README.md` goes through it step by step.
 *
 * Frames are Ethernet II without FCS. A port keeps no frames: the MAC's own memory is the receive
 * queue, and a frame is copied once, from there into the module's receive slot, and once from the
 * module's memory into the MAC.
 */
#ifndef LINGER_PORT_H
#define LINGER_PORT_H

#include <stdbool.h>
#include <stdint.h>

#include "linger-time.h"

/**
 * Starts clock, log and MAC, and says which link address the MAC filters for. Called once, before
 * all others. False after a report by `linger_port_log`: nothing works without it.
 */
bool linger_port_init(uint8_t link_address[6]);

/**
 * Moves the oldest received frame to `slot` and returns its octets, or 0 if there is none. A frame
 * that is damaged or larger than `capacity` is dropped here, and the next one taken. `slot` is 2
 * mod 4, so that a MAC which pads a frame with two octets in front can write whole words.
 */
uint32_t linger_port_receive(uint8_t *slot, uint32_t capacity);

/**
 * Sends a frame of 14 to 1,514 octets, which are the caller's again afterwards; the MAC pads it to
 * 60 and adds the FCS. False: BUSY, nothing was taken.
 */
bool linger_port_transmit(const uint8_t *frame, uint32_t octets);

/** Milliseconds since any time; wraps at 2^32, never runs backwards. */
uint32_t linger_port_now_ms(void);

/** 32 bits that nobody can predict. Called eight times for each start of the stack, or twice. */
uint32_t linger_port_entropy(void);

/**
 * Sleeps until a frame has come, the link has changed, the MAC can send again, or `ms` have passed;
 * LINGER_NEVER_MS has no end. An interrupt that came since the last `linger_port_receive` ends it
 * at once. May wake early.
 */
void linger_port_idle(uint32_t ms);

/** Whether the cable is plugged in at both ends. */
bool linger_port_link_is_up(void);

/** Writes text, which ends with a zero; lines end with \n. */
void linger_port_log(const char *text);

/* What a port may leave out: `src/hal.c` has empty ones. */

/**
 * For a MAC that writes into the slots by itself: all of them, at each start of the stack. From then
 * on `linger_port_receive` is called with one after the other, in this order.
 */
void linger_port_attach(uint8_t *const *slots, uint32_t count, uint32_t capacity);

/**
 * The slots are not the MAC's any more, until the next `linger_port_attach`: after a trap their
 * memory is laid out anew, and a snapshot must not change while it is made. Returns when the MAC has
 * written its last octet; frames that it has received are lost.
 */
void linger_port_detach(void);

/** Whether somebody asks for the counters: a key was pressed on the UART, say. Once. */
bool linger_port_status_is_asked(void);

/** Whether the stack is to be put away, as `linger_sleep` asks for it: a low battery, say. Once. */
bool linger_port_sleep_is_asked(void);

/** How long the board has slept since the stack was put away, in ms; 0 if nobody knows. */
uint32_t linger_port_slept_ms(void);

/** The least address that the stack of calls may reach; NULL if there is no such. */
uint8_t *linger_port_stack_limit(void);

#endif
