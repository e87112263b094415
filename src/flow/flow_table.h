// SPDX-License-Identifier: GPL-2.0-or-later
/* Private to flow/: what flow.c and flow_table.c share. */
#pragma once

#include "flow/flow.h"

/* The type that answers an ICMP or ICMPv6 type (echo request: echo reply); the code for one that has no counterpart. */
uint16_t icmp_counterpart(uint8_t proto, uint8_t type, uint8_t code);

/* The counter flow.end.tcp_state.* of a TCP flow. */
enum counter flow_tcp_end_counter(const struct flow *f);
