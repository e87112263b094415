// SPDX-License-Identifier: GPL-2.0-or-later
#include "app/http/decompress.h"

#include <brotli/decode.h>
#include <lzma.h>
#include <stdlib.h>
#include <zlib.h>

enum { MAX_LAYERS = 8, HEAD = 1024, RAW_SURE = 64, PIECE = 8192, BOMB_RATIO = 2048, TIME_CHECK = 1 << 16, MAX_MEMBERS = 64 };

enum coding { CODING_DEFLATE /* and gzip */, CODING_BROTLI, CODING_LZMA };

/* Ways to read what is called gzip or deflate, tried in this order where the first bytes allow them. */
enum way { WAY_GZIP, WAY_ZLIB, WAY_RAW, WAY_RAW_BEHIND_GZIP_HEADER, WAY_N_ };

struct layer {
	enum coding coding;
	bool open, plain, ended; /* plain: it is not compressed, let it through */
	bool produced;           /* some output came: no other way is tried any more */
	enum way way;
	uint8_t head[HEAD];      /* input before the first output, to begin again with */
	size_t head_len;
	unsigned members;        /* of gzip, one behind the other: bounds recursion */
	z_stream zlib;
	BrotliDecoderState *brotli;
	lzma_stream lzma;
};

struct decompressor {
	struct decompress_limits limits;
	unsigned n;
	struct layer *layer; /* in the order of undoing */
	uint64_t in, out, next_time_check;
	usec_t started;
	bool stopped;        /* a bomb: nothing more comes out */
	unsigned events;
	decompress_sink sink;
	void *context;
};

static bool has_word(struct bytes text, const char *word)
{
	return bytes_find_nocase(text, bytes_of_string(word), 0) >= 0;
}

static bool is_word(struct bytes text, const char *word)
{
	return bytes_equal_nocase(text, bytes_of_string(word));
}

/* Bytes of zero within a name are read over, as browsers do. */
static struct bytes without_zeros(struct bytes word, uint8_t *out, size_t room)
{
	size_t n = 0;
	for (size_t i = 0; i < word.len && n < room; i++)
		if (word.data[i])
			out[n++] = word.data[i];
	return bytes_of(out, n);
}

/* -1: nothing to undo. */
static int coding_of(struct bytes text, const struct decompress_limits *limits, unsigned *events)
{
	uint8_t clean[64];
	struct bytes word = without_zeros(text, clean, sizeof clean);
	if (word.len != text.len)
		*events |= DECOMPRESS_ABNORMAL;
	if (is_word(word, "gzip") || is_word(word, "x-gzip") || is_word(word, "deflate") || is_word(word, "x-deflate"))
		return CODING_DEFLATE;
	if (is_word(word, "br"))
		return CODING_BROTLI;
	if (is_word(word, "lzma"))
		return limits->lzma ? CODING_LZMA : -1;
	if (is_word(word, "identity") || is_word(word, "none"))
		return -1;
	*events |= DECOMPRESS_ABNORMAL;
	return has_word(word, "gzip") || has_word(word, "deflate") ? CODING_DEFLATE : -1;
}

static struct bytes trim(struct bytes b)
{
	while (b.len && b.data[0] <= ' ')
		b = bytes_from(b, 1);
	while (b.len && b.data[b.len - 1] <= ' ')
		b.len--;
	return b;
}

static unsigned parse_codings(struct bytes text, const struct decompress_limits *limits, enum coding *out, unsigned *events)
{
	unsigned n = 0;
	while (text.len) {
		ptrdiff_t comma = bytes_find(text, BYTES_LITERAL(","), 0);
		struct bytes word = trim(comma < 0 ? text : bytes_slice(text, 0, (size_t)comma));
		text = comma < 0 ? bytes_from(text, text.len) : bytes_from(text, (size_t)comma + 1);
		int coding = word.len ? coding_of(word, limits, events) : -1;
		if (coding < 0)
			continue;
		if (n == limits->layers || n == MAX_LAYERS) {
			*events |= DECOMPRESS_LAYERS;
			break;
		}
		out[n++] = (enum coding)coding;
	}
	return n;
}

struct decompressor *decompressor_new(struct bytes codings, const struct decompress_limits *limits, unsigned *events)
{
	enum coding coding[MAX_LAYERS];
	if (limits->layers == 0)
		return NULL;
	unsigned n = parse_codings(codings, limits, coding, events);
	struct decompressor *d = n ? calloc(1, sizeof *d) : NULL;
	if (!d)
		return NULL;
	d->layer = calloc(n, sizeof *d->layer);
	if (!d->layer) {
		free(d);
		return NULL;
	}
	d->limits = *limits;
	d->n = n;
	for (unsigned i = 0; i < n; i++)
		d->layer[i].coding = coding[n - 1 - i]; /* RFC 9110 8.4: listed in the order they were applied */
	return d;
}

static void layer_close(struct layer *l)
{
	if (!l->open)
		return;
	l->open = false;
	if (l->coding == CODING_DEFLATE)
		inflateEnd(&l->zlib);
	else if (l->coding == CODING_BROTLI)
		BrotliDecoderDestroyInstance(l->brotli);
	else
		lzma_end(&l->lzma);
}

size_t decompressor_size(const struct decompressor *d)
{
	enum { WINDOW = 48 << 10 }; /* of deflate with its state (RFC 1951: 32 KB back); what others take beyond it grows with the body */
	return d ? sizeof *d + d->n * (sizeof *d->layer + WINDOW) : 0;
}

void decompressor_free(struct decompressor *d)
{
	if (!d)
		return;
	for (unsigned i = 0; i < d->n; i++)
		layer_close(&d->layer[i]);
	free(d->layer);
	free(d);
}

/* RFC 1952 2.3: the length of the header whatever its reserved bits and its CRC say; 0: it does not end here. */
static size_t gzip_header(struct bytes b)
{
	struct reader r = reader_over(b);
	reader_skip(&r, 3);
	uint8_t flags = reader_u8(&r);
	reader_skip(&r, 6);
	if (flags & 4) {
		unsigned low = reader_u8(&r);
		reader_skip(&r, low | (unsigned)reader_u8(&r) << 8);
	}
	for (unsigned bit = 8; bit <= 16; bit *= 2)
		if (flags & bit)
			while (!r.failed && reader_u8(&r) != 0)
				;
	if (flags & 2)
		reader_skip(&r, 2);
	return r.failed ? 0 : b.len - reader_left(&r);
}

static bool looks_gzip(const struct layer *l)
{
	return l->head_len >= 2 && l->head[0] == 0x1f && l->head[1] == 0x8b;
}

static bool looks_zlib(const struct layer *l)
{
	return l->head_len >= 2 && (l->head[0] & 0x0f) == 8 && load_be16(l->head) % 31 == 0;
}

static bool way_possible(const struct layer *l, enum way way)
{
	switch (way) {
	case WAY_GZIP:
		return looks_gzip(l);
	case WAY_ZLIB:
		return looks_zlib(l);
	case WAY_RAW:
		return !looks_gzip(l);
	default:
		return looks_gzip(l) && gzip_header(bytes_of(l->head, l->head_len)) > 0;
	}
}

/* Opens the next possible way at or after `way`. False: there is none. */
static bool open_way(struct layer *l, enum way way)
{
	static const int window[WAY_N_] = {15 + 16, 15, -15, -15};
	while (way < WAY_N_ && !way_possible(l, way))
		way++;
	if (way == WAY_N_)
		return false;
	memset(&l->zlib, 0, sizeof l->zlib);
	if (inflateInit2(&l->zlib, window[way]) != Z_OK)
		return false;
	l->way = way;
	l->open = true;
	return true;
}

static bool layer_open(struct layer *l, const struct decompress_limits *limits)
{
	if (l->coding == CODING_DEFLATE)
		return open_way(l, WAY_GZIP);
	if (l->coding == CODING_BROTLI) {
		l->brotli = BrotliDecoderCreateInstance(NULL, NULL, NULL);
		l->open = l->brotli != NULL;
	} else {
		l->lzma = (lzma_stream)LZMA_STREAM_INIT;
		l->open = lzma_alone_decoder(&l->lzma, limits->lzma_memory) == LZMA_OK;
	}
	return l->open;
}

enum step { STEP_MORE /* give input, or take output and call again */, STEP_END, STEP_ERROR };

static enum step step_zlib(struct layer *l, struct bytes *in, uint8_t *out, size_t *n)
{
	l->zlib.next_in = (Bytef *)in->data;
	l->zlib.avail_in = (uInt)in->len;
	l->zlib.next_out = out;
	l->zlib.avail_out = PIECE;
	int rc = inflate(&l->zlib, Z_NO_FLUSH);
	*n = PIECE - l->zlib.avail_out;
	*in = bytes_from(*in, in->len - l->zlib.avail_in);
	return rc == Z_STREAM_END ? STEP_END : rc == Z_OK || rc == Z_BUF_ERROR ? STEP_MORE : STEP_ERROR;
}

static enum step step_brotli(struct layer *l, struct bytes *in, uint8_t *out, size_t *n)
{
	size_t left = in->len, room = PIECE;
	const uint8_t *at = in->data;
	BrotliDecoderResult rc = BrotliDecoderDecompressStream(l->brotli, &left, &at, &room, &out, NULL);
	*n = PIECE - room;
	*in = bytes_from(*in, in->len - left);
	return rc == BROTLI_DECODER_RESULT_SUCCESS ? STEP_END : rc == BROTLI_DECODER_RESULT_ERROR ? STEP_ERROR : STEP_MORE;
}

static enum step step_lzma(struct decompressor *d, struct layer *l, struct bytes *in, uint8_t *out, size_t *n)
{
	l->lzma.next_in = in->data;
	l->lzma.avail_in = in->len;
	l->lzma.next_out = out;
	l->lzma.avail_out = PIECE;
	lzma_ret rc = lzma_code(&l->lzma, LZMA_RUN);
	*n = PIECE - l->lzma.avail_out;
	*in = bytes_from(*in, in->len - l->lzma.avail_in);
	if (rc == LZMA_MEMLIMIT_ERROR)
		d->events |= DECOMPRESS_LZMA_MEMORY;
	return rc == LZMA_STREAM_END ? STEP_END : rc == LZMA_OK || rc == LZMA_BUF_ERROR ? STEP_MORE : STEP_ERROR;
}

static enum step step(struct decompressor *d, struct layer *l, struct bytes *in, uint8_t *out, size_t *n)
{
	switch (l->coding) {
	case CODING_DEFLATE:
		return step_zlib(l, in, out, n);
	case CODING_BROTLI:
		return step_brotli(l, in, out, n);
	default:
		return step_lzma(d, l, in, out, n);
	}
}

static void feed_layer(struct decompressor *d, unsigned i, struct bytes data);

static bool over_limit(struct decompressor *d)
{
	if (d->out > d->limits.bomb_bytes && d->out / BOMB_RATIO > d->in)
		return true;
	if (!d->limits.time || d->out < d->next_time_check)
		return false;
	d->next_time_check = d->out + TIME_CHECK;
	return clock_monotonic() - d->started > d->limits.time;
}

/* To the next layer, or out. Every layer's output counts. */
static void pass_on(struct decompressor *d, unsigned i, struct bytes data)
{
	if (d->stopped || data.len == 0)
		return;
	d->out += data.len;
	if (over_limit(d)) {
		d->events |= DECOMPRESS_BOMB;
		d->stopped = true;
		return;
	}
	if (i + 1 < d->n)
		feed_layer(d, i + 1, data);
	else
		d->sink(d->context, data);
}

/* All input of one piece; the error or the end stops it early. */
static enum step run(struct decompressor *d, unsigned i, struct bytes *in)
{
	struct layer *l = &d->layer[i];
	uint8_t out[PIECE];
	for (;;) {
		size_t n = 0, before = in->len;
		enum step s = step(d, l, in, out, &n);
		if (n) {
			l->produced = true;
			pass_on(d, i, bytes_of(out, n));
		}
		if (s != STEP_MORE || d->stopped)
			return s;
		if (n < PIECE && (in->len == 0 || in->len == before))
			return STEP_MORE; /* wants input */
	}
}

static void let_through(struct decompressor *d, unsigned i, struct bytes rest)
{
	struct layer *l = &d->layer[i];
	layer_close(l);
	l->plain = true;
	pass_on(d, i, rest);
}

static void feed_ended(struct decompressor *d, unsigned i, struct bytes data);

/* A member ended within the kept bytes: what follows it there, and the rest. */
static void next_member(struct decompressor *d, unsigned i, struct bytes kept, struct bytes rest)
{
	uint8_t copy[HEAD];
	memcpy(copy, kept.data, kept.len);
	d->layer[i].ended = true;
	if (kept.len) {
		feed_ended(d, i, bytes_of(copy, kept.len));
		feed_layer(d, i, rest);
	} else {
		feed_ended(d, i, rest);
	}
}

/*
 * Raw deflate has no header to know it by, and much that is no deflate at all decodes for some bytes. So all that is there is
 * tried first, and nothing comes out before it is sure: it ends well, or goes on well for some length.
 */
enum raw { RAW_NOT, RAW_UNSURE, RAW_YES };

static enum raw try_raw(const struct layer *l, struct bytes kept, struct bytes behind)
{
	uint8_t out[PIECE];
	z_stream z = {0};
	if (inflateInit2(&z, -15) != Z_OK)
		return RAW_NOT;
	int rc = Z_OK;
	for (int part = 0; part < 2 && rc == Z_OK; part++) {
		z.next_in = (Bytef *)(part ? behind.data : kept.data);
		z.avail_in = (uInt)(part ? behind.len : kept.len);
		do {
			z.next_out = out;
			z.avail_out = sizeof out;
			rc = inflate(&z, Z_NO_FLUSH);
		} while (rc == Z_OK && z.avail_in);
		if (rc == Z_BUF_ERROR)
			rc = Z_OK;
	}
	inflateEnd(&z);
	if (rc == Z_STREAM_END)
		return RAW_YES;
	return rc != Z_OK ? RAW_NOT : kept.len + behind.len >= RAW_SURE ? RAW_YES : RAW_UNSURE;
}

/* From the bytes that were kept, by the ways that are left; `behind` follows them. `last`: nothing follows. */
static void begin(struct decompressor *d, unsigned i, bool opened, struct bytes behind, bool last)
{
	struct layer *l = &d->layer[i];
	while (opened) {
		struct bytes rest = behind, in = bytes_of(l->head, l->head_len);
		if (l->way == WAY_RAW_BEHIND_GZIP_HEADER && l->coding == CODING_DEFLATE)
			in = bytes_from(in, gzip_header(in));
		enum raw raw = l->coding == CODING_DEFLATE && l->way >= WAY_RAW ? try_raw(l, in, behind) : RAW_YES;
		if (raw == RAW_UNSURE && !last)
			return;
		enum step s = raw == RAW_NOT ? STEP_ERROR : run(d, i, &in);
		if (s == STEP_MORE && rest.len)
			s = run(d, i, &rest);
		if (s == STEP_END)
			next_member(d, i, in, rest);
		if (s != STEP_ERROR)
			return;
		if (l->produced) {
			d->events |= DECOMPRESS_FAILED;
			let_through(d, i, rest);
			return;
		}
		layer_close(l);
		opened = l->coding == CODING_DEFLATE && open_way(l, l->way + 1);
	}
	d->events |= DECOMPRESS_FAILED;
	l->plain = true;
	pass_on(d, i, bytes_of(l->head, l->head_len));
	pass_on(d, i, behind);
}

/* Before the first output input is kept, so that another way can be tried. */
static void feed_new(struct decompressor *d, unsigned i, struct bytes data)
{
	struct layer *l = &d->layer[i];
	size_t room = sizeof l->head - l->head_len, n = data.len < room ? data.len : room;
	memcpy(l->head + l->head_len, data.data, n);
	l->head_len += n;
	if (l->head_len < 2)
		return;
	layer_close(l);
	begin(d, i, layer_open(l, &d->limits), bytes_from(data, n), false);
	if (l->head_len == sizeof l->head && l->open)
		l->produced = true; /* no more can be kept */
}

/* Several gzip members may follow each other (RFC 1952 2.2); whatever else follows the end is nobody's. */
static void feed_ended(struct decompressor *d, unsigned i, struct bytes data)
{
	struct layer *l = &d->layer[i];
	if (l->coding != CODING_DEFLATE || data.len < 2 || data.data[0] != 0x1f || data.data[1] != 0x8b || ++l->members > MAX_MEMBERS)
		return;
	layer_close(l);
	l->ended = l->produced = false;
	l->head_len = 0;
	feed_new(d, i, data);
}

static void feed_layer(struct decompressor *d, unsigned i, struct bytes data)
{
	struct layer *l = &d->layer[i];
	if (l->plain) {
		pass_on(d, i, data);
		return;
	}
	if (l->ended) {
		feed_ended(d, i, data);
		return;
	}
	if (!l->produced) {
		feed_new(d, i, data);
		return;
	}
	enum step s = run(d, i, &data);
	if (s == STEP_ERROR) {
		d->events |= DECOMPRESS_FAILED;
		let_through(d, i, data);
	} else if (s == STEP_END) {
		l->ended = true;
		feed_ended(d, i, data);
	}
}

unsigned decompressor_feed(struct decompressor *d, struct bytes data, decompress_sink sink, void *context)
{
	if (d->stopped || data.len == 0)
		return 0;
	if (d->in == 0 && d->limits.time)
		d->started = clock_monotonic();
	d->sink = sink;
	d->context = context;
	d->in += data.len;
	d->events = 0;
	feed_layer(d, 0, data);
	return d->events;
}

void decompressor_finish(struct decompressor *d, decompress_sink sink, void *context)
{
	d->sink = sink;
	d->context = context;
	for (unsigned i = 0; i < d->n && !d->stopped; i++) {
		struct layer *l = &d->layer[i];
		if (!l->plain && !l->ended && !l->produced && l->head_len) {
			layer_close(l);
			begin(d, i, l->head_len >= 2 && layer_open(l, &d->limits), bytes_of(NULL, 0), true);
		}
	}
}
