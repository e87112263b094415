// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The MaxMind DB format, version 2 (maxmind.github.io/MaxMind-DB): a binary tree over the bits of an address, then typed data.
 * Only what `geoip` asks for is read: country.iso_code. The file is somebody else's: every read is checked.
 */
#include "detect/keywords.h"
#include "detect/registry.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum mmdb_type { MMDB_EXTENDED, MMDB_POINTER, MMDB_STRING, MMDB_DOUBLE, MMDB_BYTES, MMDB_U16, MMDB_U32, MMDB_MAP,
		  MMDB_I32, MMDB_U64, MMDB_U128, MMDB_ARRAY, MMDB_END = 13, MMDB_BOOL, MMDB_FLOAT };
enum { MAX_DEPTH = 16, DATA_GAP = 16 };

struct geoip {
	struct bytes file, data; /* data: the data section */
	uint32_t node_count, ip_version;
	unsigned record_bits;
	uint32_t ip4_root;
};

struct field { /* a decoded control byte */
	enum mmdb_type type;
	uint32_t size; /* of a pointer: where it points */
	size_t at;     /* of the payload */
};

static bool field_read(struct bytes d, size_t at, struct field *out)
{
	struct reader r = reader_over(bytes_from(d, at));
	uint8_t control = reader_u8(&r);
	unsigned type = control >> 5, low = control & 31;
	if (type == MMDB_EXTENDED)
		type = 7u + reader_u8(&r);
	out->size = low;
	if (type == MMDB_POINTER) {
		switch (low >> 3) {
		case 0: out->size = (low & 7) << 8 | reader_u8(&r); break;
		case 1: out->size = ((low & 7) << 16 | reader_u16(&r)) + 2048; break;
		case 2: out->size = ((low & 7) << 24 | reader_u24(&r)) + 526336; break;
		default: out->size = reader_u32(&r);
		}
	} else if (low == 29) {
		out->size = 29u + reader_u8(&r);
	} else if (low == 30) {
		out->size = 285u + reader_u16(&r);
	} else if (low == 31) {
		out->size = 65821u + reader_u24(&r);
	}
	out->type = (enum mmdb_type)type;
	out->at = at + (bytes_from(d, at).len - reader_left(&r));
	return !r.failed;
}

/* Where the value ends; 0: the data is wrong. */
static size_t value_end(struct bytes d, size_t at, unsigned depth)
{
	struct field f;
	if (depth > MAX_DEPTH || at >= d.len || !field_read(d, at, &f))
		return 0;
	if (f.type == MMDB_POINTER || f.type == MMDB_BOOL)
		return f.at;
	if (f.type != MMDB_MAP && f.type != MMDB_ARRAY)
		return f.size <= d.len - f.at ? f.at + f.size : 0;
	size_t end = f.at, n = f.type == MMDB_MAP ? 2 * (size_t)f.size : f.size;
	if (n > d.len)
		return 0;
	while (n-- && end)
		end = value_end(d, end, depth + 1);
	return end;
}

static bool field_follow(struct bytes d, size_t at, struct field *out)
{
	if (!field_read(d, at, out))
		return false;
	return out->type != MMDB_POINTER || (out->size < d.len && field_read(d, out->size, out) && out->type != MMDB_POINTER);
}

/* The value of a key in the map at `at`. */
static bool map_find(struct bytes d, size_t at, const char *key, size_t *value)
{
	struct field map, name;
	if (!field_follow(d, at, &map) || map.type != MMDB_MAP)
		return false;
	size_t next = map.at;
	for (uint32_t i = 0; i < map.size && next && next < d.len; i++) {
		if (!field_follow(d, next, &name) || name.type != MMDB_STRING || name.size > d.len - name.at)
			return false;
		next = value_end(d, next, 0);
		if (!next)
			return false;
		if (bytes_equal(bytes_slice(d, name.at, name.size), bytes_of_string(key))) {
			*value = next;
			return true;
		}
		next = value_end(d, next, 0);
	}
	return false;
}

static bool number_at(struct bytes d, size_t map, const char *key, uint32_t *out)
{
	size_t at;
	struct field f;
	if (!map_find(d, map, key, &at) || !field_follow(d, at, &f) || (f.type != MMDB_U16 && f.type != MMDB_U32) || f.size > 4 || f.size > d.len - f.at)
		return false;
	*out = 0;
	for (uint32_t i = 0; i < f.size; i++)
		*out = *out << 8 | d.data[f.at + i];
	return true;
}

static uint32_t record(const struct geoip *g, uint32_t node, unsigned bit)
{
	const uint8_t *p = g->file.data + (size_t)node * g->record_bits / 4;
	switch (g->record_bits) {
	case 24: p += 3 * bit; return (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
	case 28: return bit ? (uint32_t)(p[3] & 15) << 24 | (uint32_t)p[4] << 16 | (uint32_t)p[5] << 8 | p[6]
			    : (uint32_t)(p[3] >> 4) << 24 | (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
	default: return load_be32(p + 4 * bit);
	}
}

static bool header_read(struct geoip *g, struct error *error)
{
	static const char marker[] = "\xab\xcd\xefMaxMind.com";
	ptrdiff_t at = -1, next;
	while ((next = bytes_find(g->file, BYTES_LITERAL(marker), (size_t)(at + 1))) >= 0)
		at = next; /* the last one counts */
	struct bytes meta = bytes_from(g->file, at < 0 ? SIZE_MAX : (size_t)at + sizeof marker - 1);
	uint32_t bits;
	if (at < 0 || !number_at(meta, 0, "node_count", &g->node_count) || !number_at(meta, 0, "record_size", &bits) || !number_at(meta, 0, "ip_version", &g->ip_version) ||
	    (bits != 24 && bits != 28 && bits != 32) || (g->ip_version != 4 && g->ip_version != 6)) {
		error_set(error, EINVAL, "it is no MaxMind DB");
		return false;
	}
	g->record_bits = bits;
	uint64_t tree = (uint64_t)g->node_count * bits / 4;
	if (tree + DATA_GAP > (uint64_t)at) {
		error_set(error, EINVAL, "the MaxMind DB is cut off");
		return false;
	}
	g->data = bytes_slice(g->file, (size_t)tree + DATA_GAP, (size_t)at - (size_t)tree - DATA_GAP);
	for (unsigned i = 0; g->ip_version == 6 && i < 96 && g->ip4_root < g->node_count; i++)
		g->ip4_root = record(g, g->ip4_root, 0);
	return true;
}

struct geoip *geoip_open(const char *path, struct error *error)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0 || st.st_size == 0) {
		error_set(error, errno ? errno : EINVAL, "%s: %s", path, fd < 0 ? strerror(errno) : "empty");
		if (fd >= 0)
			close(fd);
		return NULL;
	}
	void *map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	if (map == MAP_FAILED) {
		error_set(error, errno, "%s: %s", path, strerror(errno));
		return NULL;
	}
	struct geoip *g = xcalloc(1, sizeof *g);
	g->file = (struct bytes){map, (size_t)st.st_size};
	if (header_read(g, error))
		return g;
	error_prefix(error, "%s", path);
	geoip_close(g);
	return NULL;
}

void geoip_close(struct geoip *g)
{
	if (g)
		munmap((void *)(uintptr_t)g->file.data, g->file.len);
	free(g);
}

bool geoip_country(const struct geoip *g, const struct address *a, char out[3])
{
	size_t len = address_len(a), country, code;
	if (len == 0 || (len == 16 && g->ip_version == 4))
		return false;
	uint32_t node = len == 4 ? g->ip4_root : 0;
	for (size_t i = 0; i < len * 8 && node < g->node_count; i++)
		node = record(g, node, a->byte[i / 8] >> (7 - i % 8) & 1);
	if (node <= g->node_count || node - g->node_count < DATA_GAP)
		return false;
	struct field f;
	size_t at = node - g->node_count - DATA_GAP;
	if (!map_find(g->data, at, "country", &country) || !map_find(g->data, country, "iso_code", &code) || !field_follow(g->data, code, &f) ||
	    f.type != MMDB_STRING || f.size != 2 || f.size > g->data.len - f.at)
		return false;
	memcpy(out, g->data.data + f.at, 2);
	out[2] = 0;
	return true;
}

/* geoip:[src|dst|any|both,][!]CC,CC … */

enum geo_side { GEO_SRC = 1, GEO_DST = 2, GEO_ANY = 3, GEO_BOTH = 4 };

struct geo_list {
	const struct geoip *db;
	bool negated;
	unsigned n;
	char code[][3];
};

static bool country_in(const struct geo_list *l, const struct address *a)
{
	char code[3];
	if (!geoip_country(l->db, a, code))
		return false;
	for (unsigned i = 0; i < l->n; i++)
		if (strcmp(l->code[i], code) == 0)
			return !l->negated;
	return l->negated;
}

static bool geoip_holds(struct detect_scratch *s, const struct packet_test *t)
{
	const struct geo_list *l = t->data;
	const struct packet *p = s->packet;
	switch (t->a) {
	case GEO_SRC: return country_in(l, &p->src);
	case GEO_DST: return country_in(l, &p->dst);
	case GEO_ANY: return country_in(l, &p->src) || country_in(l, &p->dst);
	default: return country_in(l, &p->src) && country_in(l, &p->dst);
	}
}

SETUP(geoip)
{
	static const struct { const char *word; uint8_t side; } sides[] = {{"src", GEO_SRC}, {"dst", GEO_DST}, {"any", GEO_ANY}, {"both", GEO_BOTH}};
	char *f[256];
	unsigned n = builder_fields(b, o->value, ',', f, 256), first = 0, side = GEO_ANY;
	for (unsigned i = 0; i < 4; i++)
		if (strcmp(sides[i].word, f[0]) == 0) {
			side = sides[i].side;
			first = 1;
		}
	if (!b->ctx->files || !b->ctx->files->geoip)
		return error_set(error, ENOTSUP, "geoip needs a database: geoip-database is not set");
	struct geo_list *l = builder_alloc(b, sizeof *l + n * sizeof l->code[0]);
	b->ctx->alone = true;
	l->db = b->ctx->files->geoip;
	for (unsigned i = first; i < n; i++) {
		const char *code = f[i];
		if (*code == '!') {
			l->negated = true;
			code++;
		}
		if (strlen(code) != 2)
			return error_set(error, EINVAL, "“%s” is no country: two letters of ISO 3166", f[i]);
		l->code[l->n][0] = (char)toupper((unsigned char)code[0]);
		l->code[l->n++][1] = (char)toupper((unsigned char)code[1]);
	}
	if (l->n == 0)
		return error_set(error, EINVAL, "geoip names no country");
	struct packet_test *t = builder_test(b, geoip_holds);
	t->a = side;
	t->data = l;
	return 0;
}
