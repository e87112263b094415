// SPDX-License-Identifier: GPL-2.0-or-later
/* Reading a ruleset: live by netlink dumps, from a text in nft's syntax by what libnftables makes of it, from the JSON of `nft -j`. */
#pragma once

#include "base/error.h"
#include "ruleset/model.h"

struct ruleset_options {
	bool no_elements; /* count the elements of named sets, do not keep them */
	void (*progress)(void *context, const char *what, uint64_t done); /* NULL, or called now and then */
	void *context;
};

/*
 * The ruleset of this network namespace. Read again when it changes meanwhile (by its generation), at most a few times. Needs CAP_NET_ADMIN.
 * *out: the caller's, by ruleset_free. -errno with words.
 */
int ruleset_read_live(struct ruleset **out, const struct ruleset_options *o, struct error *error);
/*
 * A file in nft's syntax or the JSON of `nft -j list ruleset`, told apart by their first character; "-" is standard input. libnftables reads it in a child
 * process that stands in for the kernel (stub.h): no rights are needed, and no kernel that knows the statements. The error of a broken text is nft's own,
 * with file, line and column.
 */
int ruleset_read_file(struct ruleset **out, const char *path, const struct ruleset_options *o, struct error *error);
