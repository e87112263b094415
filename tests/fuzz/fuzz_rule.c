// SPDX-License-Identifier: GPL-2.0-or-later
/* Any bytes as a file of rules and as threshold.config: loaded or refused with a finding that can be printed. */
#include "rule/lists.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct rule_vars *variables(void)
{
	static const char text[] = "vars: {address-groups: {HOME_NET: '[10.0.0.0/8,fd00::/8]', EXTERNAL_NET: '!$HOME_NET'}, port-groups: {HTTP_PORTS: '80'}}";
	struct conf *conf = conf_new();
	(void)conf_load_text(conf, bytes_of_string(text), "vars", NULL);
	struct rule_vars *v = rule_vars_read(conf, NULL);
	conf_free(conf);
	return v;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct rule_vars *vars;
	static FILE *sink;
	if (!vars)
		vars = variables();
	if (!sink)
		sink = fopen("/dev/null", "w");
	struct rule_set set;
	struct buffer text = {0};
	rule_set_init(&set);
	rule_text_load(&set, bytes_of(data, size), "fuzz.rules", vars, true);
	threshold_list_free(threshold_text_load(bytes_of(data, size), "fuzz.config", vars, &set));
	for (const struct rule *r = set.first; r; r = r->next) {
		struct threshold t;
		rule_format(r, &text);
		address_set_format(&r->src, &text);
		port_set_format(&r->dport, &text);
		const struct rule_option *o = rule_option_find(r, NULL, "threshold");
		if (o && o->value)
			(void)threshold_parse(o->value, false, &t, NULL);
	}
	for (const struct finding *f = set.findings; f; f = f->next)
		finding_print(f, sink, true);
	buffer_free(&text);
	rule_set_free(&set);
	return 0;
}
