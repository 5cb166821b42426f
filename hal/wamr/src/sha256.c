/**
 * SHA-256 (FIPS 180-4, RFC 6234) of octets that lie in memory: which module a snapshot belongs to.
 *
 * Called by the engine that interprets a module. Small rather than quick: the message schedule is
 * kept in 16 words that are replaced as they are used.
 */
#include "sha256.h"

#include <string.h>

#define BLOCK_OCTETS 64
#define BLOCK_WORDS 16
#define ROUNDS 64
/** Where the last block has the length in bits. */
#define LENGTH_AT 56

/** The fractional parts of the cube roots of the first 64 primes. */
static const uint32_t constants[ROUNDS] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static uint32_t rotate(uint32_t word, uint32_t bits) {
  return word >> bits | word << (32 - bits);
}

static void take_block(uint32_t state[8], const uint8_t *block) {
  uint32_t schedule[BLOCK_WORDS];
  uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
  uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
  for (uint32_t i = 0; i < ROUNDS; ++i) {
    uint32_t *const word = &schedule[i % BLOCK_WORDS];
    if (i < BLOCK_WORDS) {
      const uint8_t *const at = block + 4 * i;
      *word = (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
    } else {
      const uint32_t near = schedule[(i - 15) % BLOCK_WORDS];
      const uint32_t late = schedule[(i - 2) % BLOCK_WORDS];
      *word += schedule[(i - 7) % BLOCK_WORDS] + (rotate(near, 7) ^ rotate(near, 18) ^ near >> 3) +
               (rotate(late, 17) ^ rotate(late, 19) ^ late >> 10);
    }
    const uint32_t first = h + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) +
                           ((e & f) ^ (~e & g)) + constants[i] + *word;
    const uint32_t second =
        (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
    h = g;
    g = f;
    f = e;
    e = d + first;
    d = c;
    c = b;
    b = a;
    a = first + second;
  }
  const uint32_t end[8] = {a, b, c, d, e, f, g, h};
  for (uint32_t i = 0; i < 8; ++i) state[i] += end[i];
}

void linger_sha256(const uint8_t *octets, uint32_t length, uint8_t digest[LINGER_SHA256_OCTETS]) {
  uint32_t state[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                       0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  uint8_t last[BLOCK_OCTETS] = {0};
  uint32_t left = length;
  for (; left >= BLOCK_OCTETS; left -= BLOCK_OCTETS, octets += BLOCK_OCTETS) {
    take_block(state, octets);
  }
  memcpy(last, octets, left);
  last[left] = 0x80;
  if (left >= LENGTH_AT) {
    take_block(state, last);
    memset(last, 0, sizeof last);
  }
  const uint64_t bits = (uint64_t)length * 8;
  for (uint32_t i = 0; i < 8; ++i) last[LENGTH_AT + i] = (uint8_t)(bits >> (56 - 8 * i));
  take_block(state, last);
  for (uint32_t i = 0; i < LINGER_SHA256_OCTETS; ++i) {
    digest[i] = (uint8_t)(state[i / 4] >> (24 - 8 * (i % 4)));
  }
}
