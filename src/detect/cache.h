// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Compiled databases on disk. A file's name is the digest of all that decides its content: patterns with their flags, mode,
 * library version and platform; inside, a digest of the bytes stands before them and is checked before the library sees one. A
 * file that is damaged, foreign or not ours is removed and made anew, never trusted. Errors of the cache are no errors of loading.
 */
#pragma once

#include <hs.h>
#include <stddef.h>
#include <stdint.h>

struct cache_key {
	const char *const *text;
	const size_t *len;
	const unsigned *flags;
	unsigned n;
};

void cache_digest(const struct cache_key *key, uint8_t out[32]);
hs_database_t *cache_load(const char *folder, const uint8_t digest[32]); /* NULL: not there */
void cache_store(const char *folder, const uint8_t digest[32], const hs_database_t *database);
