// SPDX-License-Identifier: GPL-2.0-or-later
#include "command/ruleset_capture.h"

#include <errno.h>
#include <stdio.h>

#include "capture/capture.h"

enum { LINK_ETHERNET = 1, LINK_RAW = 12, LINK_LINUX_SLL = 113, LINK_RAW_IP = 101, LINK_IP4 = 228, LINK_IP6 = 229, SLL_HEADER = 16 };

struct taking {
	void (*each)(void *context, struct bytes bytes, bool ip_only, usec_t time, uint64_t number);
	void *context;
	uint64_t left_out;
};

static struct capture_verdict on_frame(void *context, const struct frame *f)
{
	struct taking *t = context;
	bool ethernet = f->link_type == LINK_ETHERNET, cooked = f->link_type == LINK_LINUX_SLL;
	bool ip = f->link_type == LINK_RAW || f->link_type == LINK_RAW_IP || f->link_type == LINK_IP4 || f->link_type == LINK_IP6;
	struct bytes b = cooked ? bytes_from(f->bytes, SLL_HEADER) : f->bytes;
	if (b.len < 15 || !(ethernet || cooked || ip))
		t->left_out++;
	else
		t->each(t->context, b, !ethernet, f->time, f->number);
	return (struct capture_verdict){0};
}

int capture_take(const char *path, void (*each)(void *context, struct bytes bytes, bool ip_only, usec_t time, uint64_t number), void *context,
		 struct error *error)
{
	struct taking t = {.each = each, .context = context};
	int code = 0, n;
	struct capture *c = capture_file_open(path, NULL, &code, error);
	if (!c)
		return code ? code : -EINVAL;
	while ((n = c->ops->read(c, -1, on_frame, &t, error)) >= 0)
		;
	c->ops->close(c);
	if (t.left_out)
		fprintf(stderr, "sluice: %llu frames left out: neither Ethernet nor IP\n", (unsigned long long)t.left_out);
	return n == -ENODATA ? 0 : n;
}
