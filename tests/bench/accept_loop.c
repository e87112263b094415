// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The bare inline path: sluice's own capture and table, and nobody who looks at the packets. What inline figures are held against.
 * usage: accept_loop [--workers N] [--no-gso] [--drop] [--seconds S]; --dry-run prints the table
 */
#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "capture/nfqueue.h"
#include "gateway/gateway.h"

static volatile sig_atomic_t stopped;
static enum verdict answer = VERDICT_ACCEPT;
static struct { uint64_t packets, bytes, largest, super, partial; } seen[GATEWAY_MAX_WORKERS];

static void on_signal(int number)
{
	(void)number;
	stopped = 1;
}

static struct capture_verdict on_frame(void *context, const struct frame *f)
{
	typeof(&seen[0]) s = context;
	s->packets++;
	s->bytes += f->wire_len;
	s->largest = f->wire_len > s->largest ? f->wire_len : s->largest;
	s->super += (f->packet_flags & PACKET_SUPER) != 0;
	s->partial += (f->packet_flags & PACKET_CHECKSUM_PARTIAL) != 0;
	return (struct capture_verdict){.verdict = answer};
}

struct loop {
	struct capture *capture;
	unsigned index;
};

static void *run(void *context)
{
	struct loop *l = context;
	struct error error;
	while (!stopped && l->capture->ops->read(l->capture, 200, on_frame, &seen[l->index], &error) >= 0)
		;
	return NULL;
}

static int fail(const struct error *error)
{
	fprintf(stderr, "accept_loop: %s\n", error->text);
	return 1;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {{"workers", 1, NULL, 'w'}, {"no-gso", 0, NULL, 'g'}, {"drop", 0, NULL, 'd'},
						{"seconds", 1, NULL, 's'}, {"dry-run", 0, NULL, 'n'}, {0}};
	struct gateway_settings s = {.own_table = true, .hooks = 1u << HOOK_FORWARD, .priority_auto = true, .bypass = true, .mark_mask = 0xff00};
	unsigned workers = 1;
	bool gso = true, dry = false;
	struct error error;
	for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		if (c == 'w')
			workers = (unsigned)atoi(optarg) % (GATEWAY_MAX_WORKERS + 1);
		else if (c == 'g')
			gso = false;
		else if (c == 'd')
			answer = VERDICT_DROP;
		else if (c == 's')
			alarm((unsigned)atoi(optarg));
		else if (c == 'n')
			dry = true;
		else
			return 2;
	}
	struct sigaction action = {.sa_handler = on_signal};
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGALRM, &action, NULL);
	struct gateway_plan plan;
	if (gateway_plan(&plan, &s, workers, &error) < 0)
		return fail(&error);
	struct loop loop[GATEWAY_MAX_WORKERS];
	for (unsigned i = 0; i < workers && !dry; i++) {
		struct nfqueue_options o = {.queue = {{(uint16_t)(plan.tcp_queue + i), gso}, {(uint16_t)(plan.rest_queue + i), false}},
					    .n_queues = 2, .fail_open = true};
		loop[i] = (struct loop){capture_nfqueue_open(&o, &error), i};
		if (!loop[i].capture)
			return fail(&error);
	}
	if (gateway_load(&plan, dry ? GATEWAY_CHECK : GATEWAY_LOAD, &error) < 0)
		return fail(&error);
	fputs(buffer_string(&plan.text), stdout);
	for (unsigned i = 0; i < plan.n_notes; i++)
		printf("# %s\n", plan.note[i]);
	puts("READY");
	fflush(stdout);
	pthread_t thread[GATEWAY_MAX_WORKERS];
	for (unsigned i = 0; i < workers && !dry; i++)
		pthread_create(&thread[i], NULL, run, &loop[i]);
	struct gateway_counts counts = {0};
	for (unsigned i = 0; i < workers && !dry; i++)
		pthread_join(thread[i], NULL);
	(void)gateway_counts(&counts, &error);
	if (!dry && gateway_remove(&error) < 0)
		return fail(&error);
	for (unsigned i = 0; i < workers && !dry; i++) {
		struct capture_stats st;
		loop[i].capture->ops->stats(loop[i].capture, &st);
		printf("worker %u: %llu packets, %llu bytes, largest %llu, %llu of several segments, %llu with partial checksum, %llu lost, %llu errors\n", i,
		       (unsigned long long)seen[i].packets, (unsigned long long)seen[i].bytes, (unsigned long long)seen[i].largest,
		       (unsigned long long)seen[i].super, (unsigned long long)seen[i].partial, (unsigned long long)st.dropped, (unsigned long long)st.errors);
		loop[i].capture->ops->close(loop[i].capture);
	}
	printf("the table counted %llu packets\n", (unsigned long long)counts.queued_packets);
	gateway_plan_free(&plan);
	return 0;
}
