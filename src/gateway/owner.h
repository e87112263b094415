// SPDX-License-Identifier: GPL-2.0-or-later
/* Whose table it is: process and its start time, as the table's comment (so that `nft list` shows it). */
#pragma once

#include "gateway/gateway.h"

#define GATEWAY_TABLE "sluice"
enum { OWNER_TEXT = 120 };

struct owner {
	bool known; /* the comment is of the form that sluice writes */
	int pid;
	bool dormant; /* the table is switched off */
	bool locked; /* the table has the owner flag: only the socket that made it may change it */
	usec_t since; /* when it was loaded, real time; 0: unknown */
	unsigned long long started; /* clock ticks since boot, of /proc/PID/stat; with the pid it names a process for good */
};

/* Clock ticks since boot; 0: no such process, or it is dead but for its parent's wait. */
unsigned long long process_start_time(int pid);

void owner_self(struct owner *o);
void owner_format(const struct owner *o, char out[OWNER_TEXT]);
struct owner owner_parse(const char *comment);
bool owner_lives(const struct owner *o);
bool owner_is_self(const struct owner *o);

struct nft;
/* 1 and the handle and owner of our table, 0 if there is none, -errno. */
int gateway_find_table(struct nft *n, uint64_t *handle, struct owner *owner);
