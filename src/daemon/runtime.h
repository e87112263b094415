// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What all workers share and nobody changes while they run: the configuration read into settings, the rules' engine, the
 * outputs. Built by a command before the first worker, freed after the last.
 */
#pragma once

#include "daemon/edition.h"
#include "flow/defrag.h"
#include "output/output.h"
#include "packet/decode.h"

struct runtime_options {
	const char *config;            /* -c; NULL: the embedded defaults */
	const char *const *includes; size_t n_includes; /* --include: more files over it */
	const char *const *sets; size_t n_sets; /* --set */
	const char *rules_only;        /* -S */
	const char *const *rules_more; size_t n_rules_more; /* -s */
	const char *log_dir;           /* -l */
	bool no_output;                /* no files at all */
	bool no_detection;             /* --disable-detection */
	bool errors_fatal;             /* --init-errors-fatal */
	bool ips;                      /* --simulate-ips, run */
	bool ids_only;                 /* --ids: inspect inline, drop nothing */
	bool live;
	const char *const *interfaces; size_t n_interfaces; /* of a live capture; frames name them by place, from 1 */
	int checksums;                 /* -k: 1 all, 0 none, -1 as configured */
	uint64_t seed;                 /* of hashes; fixed for replay */
};

struct runtime {
	struct runtime_options options;
	struct conf *conf;
	struct decode_settings decode;
	struct flow_settings flow;
	struct defrag_settings defrag;
	struct stream_settings stream;
	int app_error_policy;          /* enum exception_policy, resolved */
	uint64_t host_memcap;
	uint32_t packet_flags;         /* PACKET_IGNORE_CHECKSUM */
	struct host_os *host_os;
	struct app_context *app;
	struct detect_registry *registry;
	struct allow_list *machine;    /* who is never blocked, whatever the configuration says; the daemon adds */
	struct part_store *parts;      /* compiled rules and databases, shared by editions */
	struct edition *edition;       /* the rules in force; the main thread's view of it, workers have their own */
	struct engine *engine;         /* the edition's; NULL: no rules */
	struct outputs *outputs;
	double load_seconds;
};

/*
 * Reads, compiles, opens. -errno with words; the caller prints them. Findings about rules are printed here as people read
 * them, at most 20 of a kind unless `verbose`.
 */
int runtime_init(struct runtime *r, const struct runtime_options *o, struct error *error);
/* Makes another edition the one in force, once no worker uses the old one, and frees that. */
void runtime_adopt(struct runtime *r, struct edition *e);
/* Returns 1 if writing a log failed on the way, else 0. */
int runtime_deinit(struct runtime *r);
/* Reads the configuration alone: file or defaults, includes, --set. NULL with words. */
struct conf *runtime_conf(const struct runtime_options *o, struct error *error);
