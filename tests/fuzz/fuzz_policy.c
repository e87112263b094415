// SPDX-License-Identifier: GPL-2.0-or-later
/* Any text as a configuration with `respond:`: read, or refused with words. */
#include "respond/blocks.h"
#include "respond/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct conf *conf = conf_new();
	struct error error = {0};
	if (conf_load_text(conf, bytes_of(data, size), "fuzz.yaml", NULL) == 0) {
		struct policy *p = policy_read(conf, &(struct policy_context){0}, &error);
		if (!p && !error.text[0])
			__builtin_trap();
		struct signature sig = {.sid = 1, .gid = 1, .priority = 1, .class_name = "web-application-attack", .metadata_json = "{\"confidence\":[\"High\"]}"};
		const struct address a = {4, {192, 0, 2, 1}};
		for (int at = 0; p && (at = policy_find(p, &sig, at)) >= 0; at++)
			(void)policy_source_in(p, policy_decision(p, at)->source_set, &a);
		if (p)
			(void)policy_allowed(p, &a, 24);
		policy_free(p);
		struct block_settings s;
		(void)block_settings_read(&s, conf, &error);
	}
	conf_free(conf);
	return 0;
}
