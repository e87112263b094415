// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The rule language: text → struct rule. Syntax alone: what an option means is detect/'s business. Every part keeps its place in
 * the text, so that whoever finds it wrong can underline it.
 */
#pragma once

#include "base/address.h"
#include "base/conf.h"
#include "base/error.h"
#include "base/memory.h"

#include <stdio.h>

enum rule_action {
	RULE_ALERT, RULE_PASS, RULE_DROP, RULE_REJECT, RULE_REJECT_SRC, RULE_REJECT_DST, RULE_REJECT_BOTH, RULE_CONFIG, RULE_ACCEPT, RULE_ACTION_N_
};
extern const char *const rule_action_names[];

struct text_span { /* within the rule's own text */
	uint32_t start, len;
};

/* An address list, flattened: what is in and what is not. Variables are resolved; "any" and nested negations too. */
struct address_range {
	struct address first, last; /* inclusive, one family */
};
struct address_set {
	struct address_range *in; /* sorted, disjoint, IPv4 before IPv6 */
	size_t n;
	bool any; /* all addresses of both families, and packets without one */
};
bool address_set_contains(const struct address_set *s, const struct address *a);
/* "any", or ranges: "10.0.0.0-10.255.255.255,2001:db8::1". */
void address_set_format(const struct address_set *s, struct buffer *out);

struct port_range {
	uint16_t first, last;
};
struct port_set {
	struct port_range *in; /* sorted, disjoint */
	size_t n;
	bool any;
};
bool port_set_contains(const struct port_set *s, uint16_t port);
/* "any", or ranges: "80,1024-65535". */
void port_set_format(const struct port_set *s, struct buffer *out);

struct rule_option {
	const char *name;   /* in lower case; "http_uri" stays "http_uri" */
	const char *value;  /* text after the colon, trimmed, quotes and escapes as written; NULL: no colon */
	struct text_span span, value_span; /* the whole option without its ';'; the value alone */
	struct rule_option *next;
};

struct rule {
	enum rule_action action;
	const char *scope;         /* firewall rules, "accept:flow" → "flow"; NULL: none */
	bool also_alert;           /* "accept:flow,alert" */
	const char *protocol;      /* as written, lower case: "tcp", "http", "tcp-pkt", "pkthdr", "dns" … */
	const char *hook;          /* "http1:request_line" → "request_line"; NULL: none */
	bool bidirectional;        /* <> */
	bool to_either;            /* => transactional */
	struct address_set src, dst;
	struct port_set sport, dport;
	const char *src_text, *dst_text, *sport_text, *dport_text; /* as written */
	struct text_span src_span, dst_span, sport_span, dport_span, protocol_span;
	struct rule_option *options; /* in order */
	uint32_t sid, gid, rev;    /* 0 sid: none (an error of the file); gid 1 where none */
	const char *text;          /* the whole rule, continuation lines joined */
	const char *file;
	int line;
	bool active;               /* not behind '#' */
	bool replaced;             /* private to the loader: a later revision of the same sid took its place */
	uint32_t *breaks;          /* where in text each further line of the file begins */
	uint32_t n_breaks, indent; /* indent: columns before the text in the first line */
	struct rule *next;
};

/* The rule in one form: single spaces, no spaces inside options, all that has a default left out. */
void rule_format(const struct rule *r, struct buffer *out);
/* The first option of that name at or after `from` (NULL: from the first); NULL: none. */
const struct rule_option *rule_option_find(const struct rule *r, const struct rule_option *from, const char *name);

/* Address and port variables (`vars`), resolved once. Owned by the caller of rule_vars_read; read-only after. */
struct rule_vars;
struct rule_vars *rule_vars_read(struct conf *conf, struct error *error);
void rule_vars_free(struct rule_vars *v);
/*
 * Parses a list such as "[1.2.3.0/24,!$DNS_SERVERS]" or "[80,8000:8080,!8001]". -EINVAL with column in error->column (from 1). A list
 * that leaves nothing is wrong too. `v` may be NULL: no variables.
 */
int address_set_parse(const char *text, const struct rule_vars *v, struct arena *arena, struct address_set *out, struct error *error);
int port_set_parse(const char *text, const struct rule_vars *v, struct arena *arena, struct port_set *out, struct error *error);

/* What is said about a rule or a file; printed as file:line:column, sid, text, underlined place. */
enum finding_severity { FINDING_ERROR, FINDING_WARNING, FINDING_UNSUPPORTED, FINDING_PARTIAL, FINDING_NOTE };
struct finding {
	enum finding_severity severity;
	const char *code;   /* "unknown-keyword", "duplicate-sid", "no-fast-pattern" … */
	char *message;
	const char *file;
	int line, column;
	uint32_t sid;
	const char *text;   /* of the rule; NULL: none */
	struct text_span span;
	struct finding *next;
};

struct rule_set;
/*
 * Where a file's active rules go, one after the other, instead of into the set's list: who keeps what became of a rule from one load to the next
 * need not read it again. `work` holds a rule's memory and its options, which the sink frees when it likes.
 */
struct rule_sink {
	struct rule_set *work;
	/* The rule of this text if it is there from an earlier load, else NULL and it is read into `work`. */
	const struct rule *(*known)(struct rule_sink *sink, struct bytes text);
	void (*take)(struct rule_sink *sink, const struct rule *r); /* one that is known or was read */
	void (*leave)(struct rule_sink *sink, const struct rule *r); /* it was taken, but a later revision replaces it */
};

/* Asked now and then while rules are read and compiled; -errno with words ends that. */
struct load_watch {
	int (*step)(struct load_watch *w, struct error *error);
};

struct rule_set {
	struct arena arena;        /* everything below but options */
	struct arena options;      /* rules' options: needed until the rules are compiled */
	struct rule *first, *last; /* those that parse: active first come, in order of files and lines; disabled ones too when asked for */
	size_t n_active, n_disabled, n_errors, n_files;
	struct finding *findings, *last_finding;
	struct rule_index *index;  /* private: headers met before, sids */
	struct rule_sink *sink;    /* NULL: rules go into the list */
	struct load_watch *watch;  /* NULL: nobody is asked */
	uint64_t environment;      /* of sinks' work: digest of what headers are resolved by, which may be another object with each load */
};
void rule_set_init(struct rule_set *s);
void rule_set_free(struct rule_set *s);
/* Frees the options of all rules, half of a set's memory, once nobody points into them. */
void rule_set_drop_options(struct rule_set *s);
/* Adds a finding; `rule` may be NULL. A span of length 0 underlines nothing. */
void rule_set_find(struct rule_set *s, enum finding_severity severity, const char *code, const struct rule *rule, struct text_span span,
		   const char *format, ...) __attribute__((format(printf, 6, 7)));

/* Reads a file; a wrong rule is a finding and a count, the others load. -errno: cannot be read, or the set's watch says so. `disabled`: parse rules behind '#' too. */
int rule_file_load(struct rule_set *s, const char *path, const struct rule_vars *v, bool disabled, struct error *error);
/* The same of a text; its first line is number 1. Returns 0, or what the set's watch said. */
int rule_text_load(struct rule_set *s, struct bytes text, const char *name, const struct rule_vars *v, bool disabled);

/* One rule without a file: for tests and for rules typed in. NULL with the place in the error (column from 1). */
struct rule *rule_parse(struct rule_set *s, const char *text, const struct rule_vars *v, struct error *error);

/* About a file that is no rule file. */
void rule_set_find_line(struct rule_set *s, enum finding_severity severity, const char *code, const char *file, int line, const char *text,
			const char *format, ...) __attribute__((format(printf, 7, 8)));
extern const char *const finding_severity_names[]; /* "error", "warning", "unsupported", "partial", "note" */

/* Prints a finding as people read it. */
void finding_print(const struct finding *f, FILE *out, bool colour);
