// SPDX-License-Identifier: GPL-2.0-or-later
#include "app/app.h"

#include <nettle/md5.h>
#include <nettle/sha1.h>
#include <nettle/sha2.h>
#include <stdlib.h>

struct digests {
	struct md5_ctx md5;
	struct sha1_ctx sha1;
	struct sha256_ctx sha256;
	bool want_md5, want_sha1, want_sha256;
};

static struct digests *digests_new(const struct app_worker *w)
{
	if (!w->want_md5 && !w->want_sha1 && !w->want_sha256)
		return NULL;
	struct digests *d = malloc(sizeof *d);
	if (!d)
		return NULL;
	md5_init(&d->md5);
	sha1_init(&d->sha1);
	sha256_init(&d->sha256);
	d->want_md5 = w->want_md5;
	d->want_sha1 = w->want_sha1;
	d->want_sha256 = w->want_sha256;
	return d;
}

struct file *file_open(struct app_flow *a, struct app_tx *tx, int direction, struct bytes name)
{
	struct file *f = arena_alloc(&tx->arena, sizeof *f);
	if (!f)
		return NULL;
	void *copy = arena_copy(&tx->arena, name.data, name.len);
	if (copy)
		f->name = bytes_of(copy, name.len);
	f->id = ++a->worker->next_file_id;
	f->digests = digests_new(a->worker);
	if (tx->last_file[direction])
		tx->last_file[direction]->next = f;
	else
		tx->files[direction] = f;
	tx->last_file[direction] = f;
	tx->updated[direction] = true;
	return f;
}

int file_append(struct app_flow *a, struct file *f, struct bytes data)
{
	struct digests *d = f->digests;
	f->size += data.len;
	if (d && d->want_md5)
		md5_update(&d->md5, data.len, data.data);
	if (d && d->want_sha1)
		sha1_update(&d->sha1, data.len, data.data);
	if (d && d->want_sha256)
		sha256_update(&d->sha256, data.len, data.data);
	if (!f->keep)
		return 0;
	size_t room = f->content.room;
	int rc = slide_add(&f->content, data, NULL);
	app_charge(a, f->content.room - room);
	return rc;
}

void file_gap(struct file *f, uint64_t len)
{
	f->gaps = true;
	f->size += len;
	free(f->digests); /* of no use any more */
	f->digests = NULL;
}

void file_close(struct app_flow *a, struct file *f, enum file_state state)
{
	if (f->state != FILE_OPEN)
		return;
	f->state = (uint8_t)state;
	struct digests *d = f->digests;
	if (!d)
		return;
	if ((f->has_md5 = d->want_md5))
		md5_digest(&d->md5, sizeof f->md5, f->md5);
	if ((f->has_sha1 = d->want_sha1))
		sha1_digest(&d->sha1, sizeof f->sha1, f->sha1);
	if ((f->has_sha256 = d->want_sha256))
		sha256_digest(&d->sha256, sizeof f->sha256, f->sha256);
	free(d);
	f->digests = NULL;
}

void file_free(struct app_flow *a, struct file *f)
{
	free(f->digests);
	free(f->magic);
	app_discharge(a, f->content.room);
	slide_free(&f->content, NULL);
	f->digests = NULL;
	f->magic = NULL; /* the file itself lies in the transaction's arena */
}
