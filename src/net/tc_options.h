// SPDX-License-Identifier: GPL-2.0-or-later
/* The options of the qdiscs, classes and filters that sluice makes: the value of TCA_OPTIONS, appended to a buffer. */
#pragma once

#include "base/memory.h"

/* What netem does to packets (tc-netem(8)). Probabilities 0 to 1, times in ns, rate in bytes a second. */
struct netem {
	uint64_t delay, jitter;
	double delay_correlation;
	const int16_t *distribution; /* NULL: uniform; else `distribution_len` steps of its inverse, in 1/8192 of the deviation */
	uint32_t distribution_len;
	double loss, loss_correlation;
	double burst_p, burst_r; /* Gilbert-Elliott: from good to bad, from bad to good; p > 0 takes the place of loss; in bad all is lost */
	double duplicate, duplicate_correlation;
	double reorder, reorder_correlation; /* these go at once, the others after the delay */
	double corrupt;
	uint64_t rate;
	uint32_t limit; /* packets; 0: netem_limit's */
	bool has_seed;
	uint64_t seed; /* Linux 6.6 */
};

/* Packets that the line holds at most, with room for as many again: netem itself loses those beyond (delay × rate; without rate: of 10 Gbit/s in full packets). */
uint32_t netem_limit(const struct netem *n);
void tc_netem(struct buffer *out, const struct netem *n);
/* Whether options that the kernel gave back name a seed: those before 6.6 pass over what they do not know. */
bool tc_netem_has_seed(const struct buffer *options);

/* HTB: traffic of no class goes out at once, unless there is a default one. */
void tc_htb(struct buffer *out, uint32_t default_class);
/* Bytes a second; burst 0: what HTB needs at this rate, as tc reckons it. */
struct htb_class {
	uint64_t rate, ceil;
	uint32_t burst, quantum, priority;
};
void tc_htb_class(struct buffer *out, const struct htb_class *c);

/* Bands with a map that puts all that is not told otherwise into band 0. */
void tc_prio(struct buffer *out, unsigned bands);
void tc_fw(struct buffer *out, uint32_t mask, uint32_t class_id);
/* What a packet waits for at a rate, in the kernel's ticks (64 ns). */
uint32_t tc_ticks(uint64_t ns);

/* u32: looks at words of 4 bytes from the network header on, each behind its mask (both in network order). */
struct u32_word {
	uint32_t value, mask;
	int offset;
};
enum tc_then { TC_THEN_CLASS, TC_THEN_REDIRECT, TC_THEN_CONNMARK_REDIRECT }; /* into a class (at the ingress: it passes); out by a device; the same with the connection's mark */
struct u32_filter {
	struct u32_word words[8]; /* none: all packets */
	unsigned n_words;
	enum tc_then then;
	uint32_t class_id;
	int device; /* index, of redirect */
};
void tc_u32(struct buffer *out, const struct u32_filter *f);
