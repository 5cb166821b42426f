/**
 * A memcpy for Cortex-M3 and later: 320 octets in 18 instructions where source and target are
 * aligned alike, then 160 in ten, 32 in four. newlib's takes sixteen pairs of ldr and str, and four
 * more, for 64. Cycles were not counted; ldm and stm take one a word.
 *
 * void *memcpy(void *to, const void *from, size_t octets), C11 §7.24.2.1.
 * Takes the libc's place in everything that it is linked with. Needs word accesses to be allowed
 * at any address, as they are after reset (CCR.UNALIGN_TRP); ldm and stm never are.
 */
  .syntax unified
  .cpu cortex-m3
  .thumb

/** r0 stays: it is what is returned. r1: from, r2: octets left, ip: to. */
  .section .text.memcpy, "ax", %progbits
  .global memcpy
  .type memcpy, %function
  .thumb_func
memcpy:
  mov ip, r0
  subs r2, #32
  blo .Lfew
  /* The target to a word: one octet, two, or both. */
  rsb r3, r0, #0
  ands r3, #3
  beq .Laligned
  subs r2, r3 /* may fall below zero by as much: there were 32 */
  lsls r3, #31
  itt mi
  ldrbmi r3, [r1], #1
  strbmi r3, [ip], #1
  itt cs
  ldrhcs r3, [r1], #2
  strhcs r3, [ip], #2
  cmp r2, #0
  blt .Lfew
.Laligned:
  tst r1, #3
  push {r4-r11, lr}
  bne .Lslanted
  subs r2, #128
  blo .Lrest
  subs r2, #160
  blo .Llast
.Lblocks:
  .rept 8
  ldmia r1!, {r3-r11, lr}
  stmia ip!, {r3-r11, lr}
  .endr
  subs r2, #320
  bhs .Lblocks
.Llast: /* fewer than 320, of which 320 are taken away */
  adds r2, #160
  bcc .Lrest
  .rept 4
  ldmia r1!, {r3-r11, lr}
  stmia ip!, {r3-r11, lr}
  .endr
  subs r2, #160
.Lrest: /* fewer than 160, of which 160 are taken away */
  adds r2, #128
  bcc .Lrestored
.Lblock:
  ldmia r1!, {r3-r10}
  stmia ip!, {r3-r10}
  subs r2, #32
  bhs .Lblock
.Lrestored: /* fewer than 32: 16 of them in one, as is aligned here, and then the rest */
  lsls r3, r2, #28
  itt cs
  ldmiacs r1!, {r3-r6}
  stmiacs ip!, {r3-r6}
  pop {r4-r11, lr}
  b .Leight
.Lslanted:
  ldr r3, [r1], #4
  ldr r4, [r1], #4
  ldr r5, [r1], #4
  ldr r6, [r1], #4
  ldr r7, [r1], #4
  ldr r8, [r1], #4
  ldr r9, [r1], #4
  ldr r10, [r1], #4
  stmia ip!, {r3-r10}
  subs r2, #32
  bhs .Lslanted
  pop {r4-r11, lr}
/* Fewer than 32, whose number is in the low five bits of r2: 16, 8, 4, 2, 1. */
.Lfew:
  lsls r3, r2, #28 /* carry: 16; negative: 8 */
  bcc .Leight
  ldr r3, [r1], #4
  str r3, [ip], #4
  ldr r3, [r1], #4
  str r3, [ip], #4
  ldr r3, [r1], #4
  str r3, [ip], #4
  ldr r3, [r1], #4
  str r3, [ip], #4
.Leight:
  bpl .Lfour
  ldr r3, [r1], #4
  str r3, [ip], #4
  ldr r3, [r1], #4
  str r3, [ip], #4
.Lfour:
  lsls r3, r2, #30 /* carry: 4; negative: 2; zero: neither 2 nor 1 */
  itt cs
  ldrcs r3, [r1], #4
  strcs r3, [ip], #4
  beq .Ldone
  itt mi
  ldrhmi r3, [r1], #2
  strhmi r3, [ip], #2
  lsls r2, #31
  itt mi
  ldrbmi r3, [r1]
  strbmi r3, [ip]
.Ldone:
  bx lr
  .size memcpy, . - memcpy
