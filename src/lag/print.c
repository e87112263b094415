// SPDX-License-Identifier: GPL-2.0-or-later
/* The same by hand: what a person would type to get what lag_start does. */
#include <stdlib.h>
#include <string.h>

#include "lag/select.h"
#include "lag/shape.h"

static void print_time(FILE *out, const char *before, uint64_t ns)
{
	fprintf(out, "%s%gus", before, (double)ns / 1e3);
}

static void print_netem(FILE *out, const struct line *l)
{
	const struct netem *n = &l->netem;
	fprintf(out, "netem limit %u", n->limit ? n->limit : netem_limit(n));
	if (n->delay) {
		print_time(out, " delay ", n->delay);
		if (n->jitter)
			print_time(out, " ", n->jitter);
		if (n->jitter && n->delay_correlation > 0)
			fprintf(out, " %g%%", 100 * n->delay_correlation);
		if (*l->distribution)
			fprintf(out, " distribution %s", l->distribution);
	}
	if (n->burst_p > 0)
		fprintf(out, " loss gemodel %g%% %g%%", 100 * n->burst_p, 100 * n->burst_r);
	else if (n->loss > 0)
		fprintf(out, " loss %g%% %g%%", 100 * n->loss, 100 * n->loss_correlation);
	if (n->corrupt > 0)
		fprintf(out, " corrupt %g%%", 100 * n->corrupt);
	if (n->duplicate > 0)
		fprintf(out, " duplicate %g%% %g%%", 100 * n->duplicate, 100 * n->duplicate_correlation);
	if (n->reorder > 0)
		fprintf(out, " reorder %g%% %g%%", 100 * n->reorder, 100 * n->reorder_correlation);
	if (n->rate)
		fprintf(out, " rate %llubit", 8ULL * n->rate);
	if (n->has_seed)
		fprintf(out, " seed %llu", (unsigned long long)n->seed);
	fputc('\n', out);
}

static void print_tree(FILE *out, const char *device, const struct line *l, int default_class)
{
	bool netem = line_needs_netem(l);
	fprintf(out, "tc qdisc replace dev %s root handle %x: htb default %d\n", device, LAG_MAJOR, default_class);
	fprintf(out, "tc class add dev %s parent %x: classid %x:%d htb rate %llubit quantum 1514\n", device, LAG_MAJOR, LAG_MAJOR, LAG_CLASS_SLOW,
		netem || !l->netem.rate ? 100000000000ULL : 8ULL * l->netem.rate);
	if (netem) {
		fprintf(out, "tc qdisc add dev %s parent %x:%d handle %x: ", device, LAG_MAJOR, LAG_CLASS_SLOW, LAG_MAJOR + LAG_CLASS_SLOW);
		print_netem(out, l);
	}
	fprintf(out, "tc class add dev %s parent %x: classid %x:%d htb rate 100gbit quantum 1514\n", device, LAG_MAJOR, LAG_MAJOR, SHAPE_REST);
}

static void print_incoming(FILE *out, const struct lag_request *q)
{
	static const char *const four[] = {"match ip protocol 6 0xff match ip sport 22 0xffff",
					   "match ip protocol 6 0xff match ip dport 22 0xffff",
					   "match ip protocol 17 0xff match ip sport 53 0xffff", NULL};
	static const char *const six[] = {"match ip6 protocol 6 0xff match ip6 sport 22 0xffff",
					  "match ip6 protocol 6 0xff match ip6 dport 22 0xffff",
					  "match ip6 protocol 17 0xff match ip6 sport 53 0xffff",
					  "match ip6 protocol 58 0xff match u32 0x85000000 0xff000000 at 40",
					  "match ip6 protocol 58 0xff match u32 0x86000000 0xfe000000 at 40",
					  "match ip6 protocol 58 0xff match u32 0x88000000 0xfe000000 at 40", NULL};
	static const struct {
		const char *protocol;
		const char *const *pass;
		int priority;
	} families[] = {{"ip", four, 1}, {"ipv6", six, 2}};
	char ifb[32];
	snprintf(ifb, sizeof ifb, "sluice-in%u", if_nametoindex(q->device));
	fprintf(out, "ip link add %s type ifb\nip link set %s up\n", ifb, ifb);
	print_tree(out, ifb, &q->line_in, LAG_CLASS_SLOW);
	fprintf(out, "tc qdisc add dev %s ingress\n", q->device);
	for (size_t i = 0; i < sizeof families / sizeof *families; i++) {
		for (const char *const *p = families[i].pass; !q->no_exemptions && *p; p++)
			fprintf(out, "tc filter add dev %s parent ffff: protocol %s prio %d u32 %s flowid 1:1\n", q->device, families[i].protocol, families[i].priority, *p);
		fprintf(out, "tc filter add dev %s parent ffff: protocol %s prio %zu u32 match u32 0 0 action mirred egress redirect dev %s\n", q->device,
			families[i].protocol, 10 + i, ifb);
	}
}

void lag_print(FILE *out, const struct lag_request *q)
{
	if (q->out)
		print_tree(out, q->device, &q->line_out, SHAPE_REST);
	if (q->in)
		print_incoming(out, q);
	if (q->out) {
		char *text = select_text(q, q->device, q->lasts ? clock_real() + q->lasts : 0);
		fprintf(out, "nft -f - <<'END'\n%sEND\n", text);
		free(text);
	}
}
