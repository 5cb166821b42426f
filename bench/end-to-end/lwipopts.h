/**
 * lwIP for `npm run bench -- --end-to-end`: as in the benchmark of segments, with windows, send
 * buffers and pools as large as those of Linger's `host` are.
 */
#ifndef LWIPOPTS_END_TO_END_H
#define LWIPOPTS_END_TO_END_H

#include "../segment/lwip/port/lwipopts.h"

#undef MEM_SIZE
#define MEM_SIZE (64 * 1024 * 1024)
#undef MEMP_NUM_TCP_PCB
#define MEMP_NUM_TCP_PCB 1024
#undef MEMP_NUM_TCP_SEG
#define MEMP_NUM_TCP_SEG 32768
#undef MEMP_NUM_PBUF
#define MEMP_NUM_PBUF 32768
#undef PBUF_POOL_SIZE
#define PBUF_POOL_SIZE 4096
#undef TCP_WND
#define TCP_WND 32768
#undef TCP_SND_BUF
#define TCP_SND_BUF 32768
#undef TCP_SND_QUEUELEN
#define TCP_SND_QUEUELEN 128

#endif
