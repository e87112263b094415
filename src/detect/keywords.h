// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One row a keyword (keywords.c). A row's `setup` gets the option and adds to the signature through the builder. Buffer and
 * integer keywords of protocols need no row: they come from the descriptors in app/.
 */
#pragma once

#include "detect/run.h"
#include "detect/signature.h"

enum keyword_flag {
	KEYWORD_NO_VALUE = 1, KEYWORD_OPTIONAL_VALUE = 2,
	KEYWORD_META = 4,        /* says something about the rule, tests nothing */
	KEYWORD_MODIFIER = 8,    /* changes the content before it */
	KEYWORD_LEGACY = 16,     /* http_uri and the like */
	KEYWORD_IP_ONLY_OK = 32, /* does not keep a rule from being ip-only */
	KEYWORD_TRANSFORM = 64,
	KEYWORD_PACKET = 128,    /* tests a packet's header: the rule is looked at for each packet */
	KEYWORD_ONCE = 256,      /* a second one in the same rule is an error */
};

enum { BUILDER_MAX_BASE64 = 1 };

struct builder { /* of one signature */
	struct compile_context *ctx;
	struct signature *sig;
	const struct rule *rule;
	const struct rule_option *option; /* being set up: for findings */
	const struct keyword *keyword;    /* its row; NULL: a protocol's keyword */
	unsigned buffer;                  /* sticky buffer, BUFFER_PAYLOAD at first */
	bool sticky;                      /* one was chosen by a keyword */
	uint8_t side;                     /* of a => rule: the direction that was written behind the buffer (bits); 0: none */
	struct transform_chain *transforms;
	struct inspection *inspection;    /* current one; NULL: none yet for this buffer */
	struct program_step *last;        /* the latest content or pcre, for modifiers and relative ones */
	struct inspection *last_in;       /* where it lies */
	struct program_step *base64;      /* the latest base64_decode, for base64_data */
	const char *var[DETECT_MAX_VARS];
	unsigned n_vars;
	uint64_t seen[4];                 /* bit n: row n of the table has been there */
	const struct rule_option *fast;   /* where fast_pattern was written */
	const struct number_test *dsize;  /* of the rule; NULL: none */
	struct metadata_item *metadata;   /* private to keywords_meta.c */
	struct reference_item *references;
};

struct keyword {
	const char *name, *alias;
	/* 0, -EINVAL with words (the row's caller underlines the option), -ENOTSUP: known, not evaluated; 1: the rule is not to be loaded, and that is all right (requires). */
	int (*setup)(struct builder *b, const struct rule_option *o, struct error *error);
	uint32_t flags;
	const char *help;
};
extern const struct keyword keywords[];
extern const size_t n_keywords;
const struct keyword *keyword_find(const char *name); /* by name or alias; NULL: unknown */
/* True for the names that Suricata knows and sluice does not evaluate (a list, for "unsupported" instead of "unknown"). */
bool keyword_known_elsewhere(const char *name);
bool protocol_known_elsewhere(const char *name);
const char *keyword_protocol(const char *name); /* that such a keyword belongs to; NULL: not of one protocol */

/* For setups (compile.c). All memory is the engine's arena. */
void *builder_alloc(struct builder *b, size_t n);
void *builder_temp(struct builder *b, size_t n); /* gone when the rule is compiled */
char *builder_copy(struct builder *b, const char *text, size_t n);
/* Chooses a sticky buffer. */
void builder_choose(struct builder *b, unsigned buffer);
/* -EINVAL: the sticky buffer before has no condition. */
int builder_used(struct builder *b, struct error *error);
/* The program of the chosen buffer. */
struct program *builder_program(struct builder *b);
struct program_step *builder_step(struct builder *b, enum step_kind kind);
struct program_step *builder_step_relative(struct builder *b, enum step_kind kind, const char *words);
/* The inspection of some buffer, made if it is not there. */
struct inspection *builder_inspection(struct builder *b, unsigned buffer, const struct transform_chain *transforms);
struct packet_test *builder_test(struct builder *b, bool (*test)(struct detect_scratch *s, const struct packet_test *t));
struct signature_effect *builder_effect(struct builder *b, void (*run)(struct detect_scratch *s, const struct signature_effect *e));
/* A test of a transaction in an inspection of its own. */
struct app_test *builder_app_test(struct builder *b, uint8_t directions,
				  bool (*test)(struct detect_scratch *s, const struct app_test *t, struct app_flow *a, struct app_tx *tx, int direction, bool *pending));
/* Index of a variable; -1: there is none of that name (or, making one, no room). */
int builder_var(struct builder *b, const char *name, bool make);
/* A number or a variable that was extracted before. */
int builder_number(struct builder *b, const char *text, int64_t min, int64_t max, struct step_number *out, struct error *error);
/* Restricts the rule to protocols of a name; -EINVAL: they are not the rule's. */
int builder_bind(struct builder *b, const char *protocol, struct error *error);
/* Notes a direction that a keyword implies; -EINVAL: against the rule's. */
int builder_direction(struct builder *b, uint32_t flag, struct error *error);
void builder_find(struct builder *b, enum finding_severity severity, const char *code, const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Protocols that a rule header's name means; returns how many (at most 4). */
unsigned rule_protocols(const char *name, const struct app_proto **out);
/* Directions in which protocols provide a keyword (bits), over those the rule is bound to; 0: none of them. `row`: the first. */
uint8_t keyword_directions(const struct signature *s, const char *name, const struct app_keyword **row);

/* Fields of an option's value: splits at `separator`, trims; returns how many, at most max (the last takes the rest). The texts are gone when the rule is compiled. */
unsigned builder_fields(struct builder *b, const char *text, char separator, char **out, unsigned max);
/* Text of a quoted value: quotes off, backslashes before " ; \ off. *negated: '!' stood before. NULL: not quoted. Gone when the rule is compiled. */
char *builder_quoted(struct builder *b, const char *value, bool *negated);

/* Setups, by file; the table is keywords.c. */
#define SETUP(name) int setup_##name(struct builder *b, const struct rule_option *o, struct error *error)
/* keywords_content.c */
SETUP(content); SETUP(uricontent); SETUP(buffer_text); SETUP(nocase); SETUP(depth); SETUP(offset); SETUP(distance); SETUP(within); SETUP(startswith); SETUP(endswith);
SETUP(rawbytes); SETUP(fast_pattern); SETUP(isdataat); SETUP(bsize); SETUP(dsize); SETUP(urilen); SETUP(absent); SETUP(entropy); SETUP(replace);
/* keywords_pcre.c */
SETUP(pcre); SETUP(pcrexform);
/* keywords_bytes.c */
SETUP(byte_test); SETUP(byte_jump); SETUP(byte_extract); SETUP(byte_math); SETUP(base64_decode); SETUP(base64_data);
/* keywords_flow.c */
SETUP(flow); SETUP(flowbits); SETUP(flowint); SETUP(xbits); SETUP(hostbits); SETUP(stream_size); SETUP(bypass); SETUP(flow_number); SETUP(flowvar); SETUP(flow_age);
/* keywords_packet.c */
SETUP(packet_number); SETUP(flags); SETUP(ipopts); SETUP(ip_proto); SETUP(sameip); SETUP(fragbits); SETUP(csum); SETUP(vlan_id); SETUP(decode_event);
SETUP(stream_event); SETUP(header_buffer);
/* geoip.c, iprep.c */
SETUP(geoip); SETUP(iprep);
/* keywords_meta.c */
SETUP(nothing); SETUP(msg); SETUP(priority); SETUP(classtype); SETUP(reference); SETUP(metadata); SETUP(target); SETUP(requires); SETUP(noalert); SETUP(alert);
SETUP(threshold); SETUP(detection_filter); SETUP(tag); SETUP(prefilter); SETUP(config); SETUP(sid); SETUP(gid); SETUP(rev);
/* keywords_app.c */
SETUP(legacy_buffer); SETUP(legacy_modifier); SETUP(pkt_data); SETUP(app_layer_protocol); SETUP(app_layer_event);
/* keywords_file.c */
SETUP(filename); SETUP(fileext); SETUP(filesize); SETUP(filehash); SETUP(filemagic); SETUP(filestore);
SETUP(app_keyword); /* a protocol's own */
/* keywords_tls.c */
SETUP(tls_version); SETUP(ssl_version); SETUP(ssl_state); SETUP(tls_cert_date); SETUP(tls_cert_validity); SETUP(tls_text);
/* transforms.c */
SETUP(transform); SETUP(xor); SETUP(from_base64); SETUP(inflate); SETUP(subslice);
/* datasets.c */
SETUP(dataset); SETUP(datarep);

/* What only all contents together can tell wrong (check.c); -EINVAL. */
int contents_check(struct builder *b, struct error *error);
/* What a transform makes impossible for a content behind it (transforms.c): words, or NULL. */
const char *transform_forbids(const struct transform_chain *c, const struct program_step *st);
/* Ends of signatures (keywords_meta.c): metadata and references as JSON. */
void signature_texts_finish(struct builder *b);
/* The manual's choice of the content that a prefilter looks for (fast.c); fills sig->fast. */
void signature_choose_fast_pattern(struct signature *s);
/* Appends a transform (transforms.c); interns the chain. */
struct transform;
int builder_transform(struct builder *b, const struct transform *t, struct error *error);
