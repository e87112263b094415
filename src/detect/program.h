// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Programs: a rule's conditions on one buffer, in order, run with backtracking. A step that fails relative to an occurrence
 * makes the step before look for its next one, within `inspection-recursion-limit`. Variables of byte_extract and byte_math
 * live in the scratch across one rule's programs.
 *
 * Pure with respect to traffic: bytes in, yes or no out; no allocation once warm, no clock.
 */
#pragma once

#include "base/bytes.h"
#include "base/error.h"
#include "base/memory.h"
#include "detect/number.h"

struct detect_scratch;

enum step_kind {
	STEP_CONTENT, STEP_PCRE, STEP_BYTE_TEST, STEP_BYTE_JUMP, STEP_BYTE_EXTRACT, STEP_BYTE_MATH, STEP_ISDATAAT, STEP_BSIZE, STEP_BASE64,
	STEP_ENTROPY, STEP_CALL, STEP_KIND_N_
};

enum step_flag {
	STEP_NEGATED = 1u << 0,
	STEP_RELATIVE = 1u << 1,   /* counts from where the step before has ended (distance, within, /R, relative) */
	STEP_NOCASE = 1u << 2,
	STEP_DEPTH = 1u << 3,
	STEP_OFFSET = 1u << 4,
	STEP_WITHIN = 1u << 5,
	STEP_DISTANCE = 1u << 6,
	STEP_STARTSWITH = 1u << 7,
	STEP_ENDSWITH = 1u << 8,
	STEP_RAWBYTES = 1u << 9,
	STEP_FAST = 1u << 10,      /* fast_pattern was written */
	STEP_FAST_ONLY = 1u << 11,
	STEP_FAST_CHOP = 1u << 12,
	STEP_RETRY = 1u << 13,     /* the next occurrence may help those behind; program_finish */
	STEP_FINAL = 1u << 14,     /* if it or those behind fail, nothing before can help; program_finish */
	STEP_VAR = 1u << 15,       /* reads a variable */
	STEP_MOVES = 1u << 16,     /* sets the position that relative steps count from; program_finish */
};

struct step_number { /* a number, or a variable of byte_extract, byte_math */
	int64_t value;
	int8_t var; /* -1: value */
};

enum byte_op { BYTE_LT, BYTE_GT, BYTE_EQ, BYTE_NE, BYTE_LE, BYTE_GE, BYTE_AND, BYTE_OR, BYTE_ADD, BYTE_SUB, BYTE_MUL, BYTE_DIV, BYTE_SHL, BYTE_SHR };

struct step_content {
	struct bytes pattern;
	struct step_number offset, depth, distance, within;
	uint16_t fast_offset, fast_len;
};

struct step_capture {
	uint8_t kind; /* enum registry_kind: flow or packet variable */
	uint8_t group;
	uint32_t id;
	const char *name; /* of an alert's context; NULL: a variable */
};

struct step_pcre {
	void *code; /* pcre2_code */
	struct step_capture *capture;
	uint8_t n_captures; /* at most 8 */
};

struct step_byte {
	uint8_t op, base;       /* enum byte_op; 0, 8, 10, 16 of strings */
	bool string, little, align, from_beginning, from_end;
	uint8_t shift;          /* zeros at the right of the mask */
	int8_t var;             /* where the result goes; -1: nowhere */
	uint32_t mask;          /* 0: none */
	uint32_t multiplier;
	struct step_number count, offset, value, post_offset;
};

struct program {
	struct program_step *first, *last;
	unsigned n_steps;
	bool whole; /* a condition needs the whole buffer: startswith and depth do not, endswith, bsize do */
};

struct step_base64 {
	uint32_t count, offset; /* count 0: all */
	struct program *sub;    /* conditions on base64_data; NULL: none */
};

struct step_entropy {
	uint32_t count;
	int32_t offset;
	double value, high; /* high: of a range */
	uint8_t op;         /* enum byte_op; BYTE_AND: between, BYTE_OR: outside */
};

struct program_step {
	uint8_t kind;
	uint32_t flags; /* enum step_flag */
	struct program_step *next;
	const char *keyword; /* for explaining */
	union {
		struct step_content content;
		struct step_pcre pcre;
		struct step_byte byte;
		struct step_number at; /* isdataat */
		struct number_test size; /* bsize */
		struct step_base64 base64;
		struct step_entropy entropy;
		struct { bool (*run)(struct detect_scratch *s, const struct program_step *st, struct bytes data); void *data; uint64_t a, b; } call;
	};
};

/* What a program runs over. */
struct program_input {
	struct bytes data;
	uint64_t offset;    /* of data[0] in the whole buffer */
	bool start, end;    /* startswith and depth need the start; endswith, bsize, absent need the end */
	int direction;
};

/* True: all steps hold. */
bool program_run(struct detect_scratch *s, const struct program *p, const struct program_input *in);

/* For building: a new last step, zeroed but for variables (none). Memory from the arena. */
struct program *program_new(struct arena *arena);
struct program_step *program_add(struct program *p, struct arena *arena, enum step_kind kind);
/* Works out who may retry; to be called once all steps are there. */
void program_finish(struct program *p);

/* What programs need of a scratch: match data and limits. */
int program_scratch_init(struct detect_scratch *s, uint32_t recursion_limit, uint32_t match_limit, uint32_t match_limit_recursion, struct error *error);
void program_scratch_deinit(struct detect_scratch *s);
/* To be called when a rule has matched: what its pcre captured becomes flow and packet variables; and before a rule is looked at: forgets. */
void program_captures_keep(struct detect_scratch *s);
void program_captures_drop(struct detect_scratch *s);
/* Adds a member to the context of the rule's alert: JSON, or a text. */
void program_context_json(struct detect_scratch *s, const char *key, const char *json);
void program_context_text(struct detect_scratch *s, const char *key, struct bytes text);

/* Compiles an expression; frees one. Flags are PCRE2's. */
void *regex_compile(struct bytes pattern, uint32_t options, struct error *error);
void regex_free(void *code);

/*
 * Transforms: a chain turns a buffer's bytes into others before they are looked at. Interned by compiling: equal chains are one
 * pointer within an engine. The name tells chains apart for good ("dotprefix,to_md5").
 */
struct transform_chain;
const char *transform_chain_name(const struct transform_chain *c);
/* The result is valid until the next run on this scratch. False: the transform fails, the buffer counts as absent. */
bool transform_run(struct detect_scratch *s, const struct transform_chain *c, struct bytes in, struct bytes *out);
void transform_chains_release(struct transform_chain *list); /* all of a compile context's: expressions; the rest lies in its arena */

/* private to program*.c */
enum outcome { OUTCOME_NO, OUTCOME_YES, OUTCOME_STOP /* no, and looking for other occurrences is in vain */ };
struct program_walk {
	struct detect_scratch *scratch;
	const struct program_input *in;
	const uint8_t *data;
	int64_t len;
	int64_t base; /* offset of data[0] in the whole buffer */
};
enum outcome program_step_next(struct program_walk *w, const struct program_step *done, int64_t at);
enum outcome program_run_pcre(struct program_walk *w, const struct program_step *st, int64_t at);
enum outcome program_run_byte(struct program_walk *w, const struct program_step *st, int64_t at);
enum outcome program_run_base64(struct program_walk *w, const struct program_step *st, int64_t at);
bool program_entropy_holds(struct bytes data, const struct step_entropy *e);
int64_t program_number(const struct program_walk *w, struct step_number n);
