/**
 * lwIP as the benchmark has it: raw API, everything static, checksums in software both ways, a
 * window and a send buffer of four segments, no options but the MSS. LWIP_STATS and assertions are
 * off, and an acknowledgement waits for the second segment: the cheapest that lwIP can be.
 */
#ifndef LWIPOPTS_H
#define LWIPOPTS_H

#include "lwip/arch.h"

/* System */
#define NO_SYS 1
#define SYS_LIGHTWEIGHT_PROT 0
#define LWIP_TIMERS 1
#define LWIP_NETCONN 0
#define LWIP_SOCKET 0
#define LWIP_NOASSERT 1
#define LWIP_STATS 0

/* A counter in the place of RFC 6528's hash: the peer's frames are built before. */
u32_t segbench_isn(void);
#define LWIP_HOOK_TCP_ISN(local, local_port, remote, remote_port) segbench_isn()

/* Memory */
#define MEM_LIBC_MALLOC 0
#define MEMP_MEM_MALLOC 0
#if defined(__x86_64__)
#define MEM_ALIGNMENT 8
#else
#define MEM_ALIGNMENT 4
#endif
#define MEM_SIZE (16 * 1024)
#ifndef MEMP_NUM_TCP_PCB
#define MEMP_NUM_TCP_PCB 1026
#endif
#define MEMP_NUM_TCP_PCB_LISTEN 2
#define MEMP_NUM_TCP_SEG 32
#define MEMP_NUM_PBUF 16
#define PBUF_POOL_SIZE 16
#define MEMP_NUM_REASSDATA 1
#define MEMP_NUM_ARP_QUEUE 4

/* Protocols */
#define LWIP_IPV4 1
#define LWIP_IPV6 0
#define LWIP_ARP 1
#define LWIP_ETHERNET 1
#define LWIP_ICMP 1
#define LWIP_RAW 0
#define LWIP_UDP 0
#define LWIP_DHCP 0
#define LWIP_ACD 0
#define LWIP_DNS 0
#define IP_REASSEMBLY 0
#define IP_FRAG 0
#define IP_FORWARD 0
#define ETH_PAD_SIZE 0
#define LWIP_SUPPORT_CUSTOM_PBUF 1
#define LWIP_NETIF_STATUS_CALLBACK 0

/* TCP */
#define LWIP_TCP 1
#define TCP_MSS 1460
#define TCP_WND (4 * TCP_MSS)
#define TCP_SND_BUF (4 * TCP_MSS)
#define TCP_SND_QUEUELEN 16
#define TCP_QUEUE_OOSEQ 1
/* lwIP's own default is one segment here, which would acknowledge each of them. */
#define TCP_WND_UPDATE_THRESHOLD (2 * TCP_MSS)
#define TCP_LISTEN_BACKLOG 0

/* Checksums: all in software, by the port's own function (port_chksum.c). */
#define CHECKSUM_GEN_IP 1
#define CHECKSUM_GEN_TCP 1
#define CHECKSUM_GEN_ICMP 1
#define CHECKSUM_CHECK_IP 1
#define CHECKSUM_CHECK_TCP 1
#define CHECKSUM_CHECK_ICMP 1
u16_t port_chksum(const void *at, int octets);
#define LWIP_CHKSUM port_chksum

#endif
