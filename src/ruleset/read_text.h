// SPDX-License-Identifier: GPL-2.0-or-later
/* libnftables in a child process, and what it would send to the kernel. */
#pragma once

#include "ruleset/decode.h"

/*
 * Reads a text of nft's (path, or text if path is NULL: JSON then), and decodes it. -EINVAL with nft's own words.
 */
int nft_text_decode(struct decoder *d, const char *path, const char *text, struct error *error);

/* JSON: a child of its own for each try. */
int ruleset_decode_json(struct decoder *d, const char *path, struct error *error);
/* The lines of rules, as far as the blocks of the text show them plainly. */
void ruleset_place_lines(struct ruleset *rs, const char *path);
