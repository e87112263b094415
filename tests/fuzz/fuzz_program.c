// SPDX-License-Identifier: GPL-2.0-or-later
/* A rule's options, a NUL, and data: compiled, then run over the data as if it were the payload. */
#include "detect/keywords.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static struct rule_vars *vars;
static struct detect_scratch scratch;

static void run(const struct signature *s, struct bytes data)
{
	for (unsigned way = 0; way < 4; way++)
		for (const struct inspection *in = s->inspections; in; in = in->next) {
			struct program_input input = {.data = data, .offset = way & 2 ? 3 : 0, .start = !(way & 2), .end = way & 1};
			program_captures_drop(&scratch);
			if (in->transforms && !transform_run(&scratch, in->transforms, data, &input.data))
				continue;
			if (in->program)
				(void)program_run(&scratch, in->program, &input);
		}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct error error = {0};
	const uint8_t *nul = memchr(data, 0, len);
	size_t n = nul ? (size_t)(nul - data) : len;
	if (n > 2000)
		return 0;
	if (!vars) {
		struct conf *conf = conf_new();
		vars = rule_vars_read(conf, &error);
		conf_free(conf);
		if (program_scratch_init(&scratch, 3000, 3500, 1500, &error))
			return 0;
	}
	struct rule_set set;
	struct arena arena;
	char text[2200];
	rule_set_init(&set);
	arena_init(&arena, 65536);
	int size = snprintf(text, sizeof text, "alert ip any any -> any any (%.*s; sid:1;)\n", (int)n, (const char *)data);
	rule_text_load(&set, bytes_of(text, (size_t)size), "fuzz", vars, false);
	struct compile_context ctx = {.arena = &arena, .findings = &set, .vars = vars};
	struct signature *s = set.first ? signature_compile(&ctx, set.first) : NULL;
	if (s) {
		run(s, bytes_of(data + n + (n < len), len - n - (n < len)));
		signature_release(s);
	}
	transform_chains_release(ctx.chains);
	arena_free(&arena);
	rule_set_free(&set);
	return 0;
}
