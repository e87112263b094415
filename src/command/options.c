// SPDX-License-Identifier: GPL-2.0-or-later
#include "command/options.h"

#include "base/log.h"

void option_list_add(struct option_list *l, const char *item)
{
	l->item = xrealloc(l->item, (l->n + 1) * sizeof *l->item);
	l->item[l->n++] = item;
}

bool runtime_option(struct runtime_parsed *p, struct runtime_options *o, int option, const char *value)
{
	switch (option) {
	case 'c': o->config = value; return true;
	case 'l': o->log_dir = value; return true;
	case 'S': o->rules_only = value; return true;
	case 's': option_list_add(&p->rules, value); return true;
	case 'v': log_level_max += log_level_max < LOG_LEVEL_DEBUG; return true;
	case OPTION_SET: option_list_add(&p->sets, value); return true;
	case OPTION_INCLUDE: option_list_add(&p->includes, value); return true;
	case OPTION_FATAL: o->errors_fatal = true; return true;
	default: return false;
	}
}

void runtime_options_take(const struct runtime_parsed *p, struct runtime_options *o)
{
	o->sets = p->sets.item;
	o->n_sets = p->sets.n;
	o->includes = p->includes.item;
	o->n_includes = p->includes.n;
	o->rules_more = p->rules.item;
	o->n_rules_more = p->rules.n;
}
