// SPDX-License-Identifier: GPL-2.0-or-later
#include "ruleset/read_text.h"

#include <errno.h>

int ruleset_decode_json(struct decoder *d, const char *path, struct error *error)
{
	struct buffer b = {0};
	if (file_read(path, 1 << 30, &b, error) < 0)
		return -EINVAL;
	int code = nft_text_decode(d, NULL, buffer_string(&b), error);
	buffer_free(&b);
	return code;
}
