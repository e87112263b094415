// SPDX-License-Identifier: GPL-2.0-or-later
/* Bob Jenkins' lookup3 (public domain, 2006) with the kernel's beginning: `jhash` in rules and the choice among addresses of NAT depend on its values. */
#include "ruleset/connection.h"

static uint32_t rotate(uint32_t v, unsigned by)
{
	return v << by | v >> (32 - by);
}

static void mix(uint32_t v[3])
{
	static const uint8_t by[6] = {4, 6, 8, 16, 19, 4};
	for (unsigned i = 0; i < 6; i++) {
		unsigned a = i % 3, b = (i + 1) % 3, c = (i + 2) % 3;
		v[a] -= v[c];
		v[a] ^= rotate(v[c], by[i]);
		v[c] += v[b];
	}
}

static void finish(uint32_t v[3])
{
	static const uint8_t by[7] = {14, 11, 25, 16, 4, 14, 24};
	for (unsigned i = 0; i < 7; i++) {
		unsigned at = (i + 2) % 3, from = (i + 1) % 3;
		v[at] ^= v[from];
		v[at] -= rotate(v[from], by[i]);
	}
}

enum { BEGIN = (int)0xdeadbeef };

uint32_t jenkins_bytes(const uint8_t *key, uint32_t len, uint32_t seed)
{
	uint32_t start = (uint32_t)BEGIN + len + seed, v[3] = {start, start, start};
	for (; len > 12; len -= 12, key += 12) {
		for (unsigned i = 0; i < 3; i++) {
			uint32_t w;
			memcpy(&w, key + 4 * i, 4);
			v[i] += w;
		}
		mix(v);
	}
	if (!len)
		return v[2];
	for (uint32_t i = 0; i < len; i++)
		v[i / 4] += (uint32_t)key[i] << (8 * (i % 4));
	finish(v);
	return v[2];
}

uint32_t jenkins_words(const uint32_t *key, uint32_t n, uint32_t seed)
{
	uint32_t start = (uint32_t)BEGIN + (n << 2) + seed, v[3] = {start, start, start};
	for (; n > 3; n -= 3, key += 3) {
		for (unsigned i = 0; i < 3; i++)
			v[i] += key[i];
		mix(v);
	}
	if (!n)
		return v[2];
	for (uint32_t i = 0; i < n; i++)
		v[i] += key[i];
	finish(v);
	return v[2];
}
