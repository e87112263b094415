// SPDX-License-Identifier: GPL-2.0-or-later
#include "gateway/owner.h"

#include <libnftnl/table.h>
#include <libnftnl/udata.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "gateway/internal.h"

/* Field 22 of /proc/PID/stat; the name in field 2 may hold blanks and brackets, so count from the last ')'. 0: no such process. */
unsigned long long process_start_time(int pid)
{
	char path[64], text[1024];
	snprintf(path, sizeof path, "/proc/%d/stat", pid);
	FILE *f = fopen(path, "re");
	if (!f)
		return 0;
	size_t len = fread(text, 1, sizeof text - 1, f);
	fclose(f);
	text[len] = '\0';
	const char *at = strrchr(text, ')');
	char state = 0;
	unsigned long long started = 0;
	/* a zombie holds nothing any more */
	if (at && sscanf(at + 1, " %c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %llu", &state, &started) == 2 &&
	    state != 'Z')
		return started;
	return 0;
}

void owner_self(struct owner *o)
{
	*o = (struct owner){.known = true, .pid = (int)getpid(), .since = clock_real()};
	o->started = process_start_time(o->pid);
}

void owner_format(const struct owner *o, char out[OWNER_TEXT])
{
	time_t seconds = o->since / USEC_PER_SEC;
	struct tm tm;
	size_t len = (size_t)snprintf(out, OWNER_TEXT, "sluice: process %d, started %llu, since ", o->pid, o->started);
	strftime(out + len, OWNER_TEXT - len, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&seconds, &tm));
}

struct owner owner_parse(const char *comment)
{
	struct owner o = {0};
	int end = 0;
	struct tm tm = {0};
	o.known = sscanf(comment, "sluice: process %d, started %llu%n", &o.pid, &o.started, &end) == 2 && o.pid > 0;
	if (o.known && end > 0 && strptime(comment + end, ", since %Y-%m-%dT%H:%M:%SZ", &tm))
		o.since = (usec_t)timegm(&tm) * USEC_PER_SEC;
	return o;
}

bool owner_is_self(const struct owner *o)
{
	struct owner self;
	owner_self(&self);
	return o->known && o->pid == self.pid && o->started == self.started;
}

bool owner_lives(const struct owner *o)
{
	unsigned long long started = process_start_time(o->pid);
	return started && started == o->started;
}

/* ---- the table that bears it ---- */

struct found_table {
	bool found;
	uint64_t handle;
	uint32_t flags;
	char comment[NFTNL_UDATA_COMMENT_MAXLEN + 1];
};

static int read_comment(const struct nftnl_udata *attr, void *context)
{
	struct found_table *t = context;
	if (nftnl_udata_type(attr) == NFTNL_UDATA_TABLE_COMMENT)
		snprintf(t->comment, sizeof t->comment, "%.*s", (int)nftnl_udata_len(attr), (const char *)nftnl_udata_get(attr));
	return 0;
}

static int read_table(const struct nlmsghdr *m, void *context)
{
	struct found_table *out = context;
	struct nftnl_table *t = nftnl_table_alloc();
	if (t && nftnl_table_nlmsg_parse(m, t) == 0 && nftnl_table_get_u32(t, NFTNL_TABLE_FAMILY) == NFPROTO_INET &&
	    strcmp(nftnl_table_get_str(t, NFTNL_TABLE_NAME), GATEWAY_TABLE) == 0) {
		out->found = true;
		out->handle = nftnl_table_get_u64(t, NFTNL_TABLE_HANDLE);
		out->flags = nftnl_table_get_u32(t, NFTNL_TABLE_FLAGS);
		uint32_t len = 0;
		const void *data = nftnl_table_get_data(t, NFTNL_TABLE_USERDATA, &len);
		if (data && len)
			nftnl_udata_parse(data, len, read_comment, out);
	}
	if (t)
		nftnl_table_free(t);
	return MNL_CB_OK;
}

int gateway_find_table(struct nft *n, uint64_t *handle, struct owner *owner)
{
	struct found_table t = {0};
	int r = nft_dump(n, NFT_MSG_GETTABLE, read_table, &t);
	if (r < 0)
		return r;
	*handle = t.handle;
	*owner = owner_parse(t.comment);
	owner->locked = t.flags & GATEWAY_TABLE_OWNER;
	owner->dormant = t.flags & NFT_TABLE_F_DORMANT;
	return t.found;
}
