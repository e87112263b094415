// SPDX-License-Identifier: GPL-2.0-or-later

/*
 * The nftables side: sluice's own `table inet sluice`, beside whatever else is loaded.
 *
 * A plan is made from settings and from what the kernel has loaded (gateway_plan), can be printed as nft text with its reasons, and goes in
 * as one transaction (gateway_load): all of it or nothing. Only a table whose userdata names a dead run of sluice is replaced, in that same transaction;
 * nothing else is ever touched.
 */
#pragma once

#include "base/clock.h"
#include "base/conf.h"
#include "base/error.h"
#include "base/memory.h"
#include "gateway/marks.h"

enum { GATEWAY_MAX_WORKERS = 16, GATEWAY_MAX_INTERFACES = 32, GATEWAY_MAX_NOTES = 32 };

enum gateway_hook { HOOK_INPUT, HOOK_FORWARD, HOOK_OUTPUT, HOOK_N_ }; /* kernel numbers are these + 1 */
extern const char *const gateway_hook_names[HOOK_N_ + 1];

struct gateway_settings {
	bool own_table;              /* gateway.table: own | none */
	unsigned hooks;              /* bits of enum gateway_hook */
	const char *interface[GATEWAY_MAX_INTERFACES]; /* owned by the configuration; none: all */
	unsigned n_interfaces;
	bool priority_auto;
	int priority;
	bool queues_auto;
	unsigned first_queue, n_queues; /* as many as there are; with an own table two for each worker */
	bool bypass;                 /* when-down */
	uint32_t mark_mask;
	bool release_over;           /* gateway.release: depth: flows in which nothing can be found any more are released */
	bool release_existing;       /* gateway.existing: flows from before the start are released; else inspected from where they are */
	bool owner_flag;             /* gateway.owner-flag: where the kernel can, nobody but this process changes the table */
	const char *slow[MARK_SLOW_MAX]; /* names of the classes of respond.slow, in order; owned by the configuration */
	unsigned n_slow;
	bool slow_ends; /* some class has a time (`for`): a mark that takes a flow's away is needed */
};

/* The number of the mark by which a slow flow's own is taken away (marks.h). */
static inline unsigned gateway_clear_mark(const struct gateway_settings *s)
{
	return MARK_SLOW + s->n_slow;
}
int gateway_settings_read(struct gateway_settings *s, struct conf *conf, struct error *error);
/* "forward,input" */
int gateway_hooks_parse(const char *text, unsigned *out, struct error *error);
/* "0" or "0-3" */
int gateway_queues_parse(const char *text, struct gateway_settings *s, struct error *error);

/* The mark of packets that sluice sends itself: all bits of the mask. They are not queued again. */
static inline uint32_t gateway_own_mark(const struct gateway_settings *s)
{
	return s->mark_mask;
}

struct gateway_chain { /* a base chain that is loaded on one of our hooks */
	char name[160]; /* "inet filter forward" */
	int priority;
	enum gateway_hook hook;
	bool filter; /* of type filter */
};

struct gateway_plan {
	struct gateway_settings settings;
	unsigned n_workers;
	uint16_t tcp_queue, rest_queue;   /* the first of n_workers queues each */
	bool native_queue;                /* `queue`; else the xt target NFQUEUE */
	bool looked;                      /* the loaded ruleset could be read */
	int priority[HOOK_N_], marks_priority[HOOK_N_];
	uint32_t table_flags;             /* NFT_TABLE_F_OWNER…: the table is this process's alone */
	bool element_counters;            /* blocked elements count what they drop */
	char reason[HOOK_N_][200];
	struct gateway_chain *chain;      /* base chains on our hooks, by hook and priority */
	size_t n_chains;
	char note[GATEWAY_MAX_NOTES][200]; /* conflicts and what else is worth knowing */
	unsigned n_notes;
	uint32_t genid;                   /* of the ruleset that was looked at */
	bool guard;                       /* no queue: what would be inspected is dropped */
	bool replaces;                    /* a table of ours or a dead run's, by handle */
	uint64_t replaced_handle;
	uint64_t fingerprint;             /* of what was loaded, for gateway_intact */
	struct buffer text;               /* the table as nft text */
};

/*
 * One sluice a network namespace: to be taken before anything else is done, kept until the process ends (the kernel then gives it back). A descriptor, or -EEXIST
 * with the other's process in words. Holds while rules are compiled, when there is no table yet, and with `table: none`.
 */
int gateway_lock(struct error *error);
/* The process that holds it, from the first moment of its start to the last of its end; 0: none. Who has the lock has to accept connections now and then. */
int gateway_lock_holder(void);
/*
 * All changes of the table go over one netlink socket of this process, since a table with the owner flag belongs to its socket. A child that does not
 * exec has to call this first, or the table outlives its owner for as long as the child does.
 */
void gateway_after_fork(void);

/* Looks at the kernel and decides. Without permission it decides blindly and says so in a note. -EEXIST: the table is somebody else's. */
int gateway_plan(struct gateway_plan *p, const struct gateway_settings *s, unsigned n_workers, struct error *error);
void gateway_plan_free(struct gateway_plan *p);
/* Writes the table into p->text and, if `load`, into the kernel. With `check` the kernel looks at it and changes nothing. */
enum gateway_load_mode { GATEWAY_TEXT, GATEWAY_CHECK, GATEWAY_LOAD };
/* -ERESTART: the ruleset changed since the plan: plan again. */
int gateway_load(struct gateway_plan *p, enum gateway_load_mode mode, struct error *error);
/* Takes our own table away if it is still this process's. 0 if it was gone. */
int gateway_remove(struct error *error);
/*
 * `when-down: drop` before there is protection: a table whose hooks drop everything that would be queued. The next gateway_load of this process replaces
 * it without a gap, and so does that of a later one, if this process is gone by then. -EEXIST: a living sluice has its table there.
 */
int gateway_guard_load(const struct gateway_settings *s, struct error *error);
/* Takes any table of sluice away whose process is gone: `sluice stop` after a crash with `drop`. -ENOENT: none is there; -EEXIST: it is somebody else's. */
int gateway_remove_stale(struct error *error);

/* What the table's rules counted; no rules: there is no table. */
struct gateway_counts {
	unsigned rules;
	uint64_t queued_packets, queued_bytes;
	uint64_t released_packets, released_bytes; /* accepted before the queue */
	uint64_t blocked_packets, blocked_bytes;   /* dropped by the block sets */
};
int gateway_counts(struct gateway_counts *out, struct error *error);

/* What is in the kernel, for who asks from outside. */
struct gateway_table_state {
	bool there;
	bool ours;        /* made by sluice */
	int pid;          /* by which process, and whether it lives */
	bool alive;
	bool guard;       /* no queue at all: it only drops */
	bool drops;       /* what is to be inspected is dropped when nobody listens to the queue; else it passes */
	usec_t since;     /* loaded, real time; 0: unknown */
	unsigned hooks;   /* bits of enum gateway_hook */
};
int gateway_table_state(struct gateway_table_state *out, struct error *error);

/* gateway/priority.c: the number for one hook; writes why. Pure. */
int gateway_choose_priority(const struct gateway_chain *chain, size_t n, enum gateway_hook hook, char *reason, size_t room);
/* The number of the chain that saves the verdicts' marks: the first free one after the queue's. Pure. */
int gateway_choose_marks_priority(const struct gateway_chain *chain, size_t n, enum gateway_hook hook, int priority);
