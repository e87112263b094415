// SPDX-License-Identifier: GPL-2.0-or-later
#include "detect/cache.h"

#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <nettle/sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_FILE = 256 << 20 };
static const char magic[8] = "sluicehs";

static void hash_number(struct sha256_ctx *h, uint64_t v)
{
	sha256_update(h, sizeof v, (const uint8_t *)&v);
}

void cache_digest(const struct cache_key *key, uint8_t out[SHA256_DIGEST_SIZE])
{
	struct sha256_ctx h;
	hs_platform_info_t platform;
	const char *version = hs_version();
	memset(&platform, 0, sizeof platform);
	hs_populate_platform(&platform);
	sha256_init(&h);
	sha256_update(&h, strlen(version), (const uint8_t *)version);
	sha256_update(&h, sizeof platform, (const uint8_t *)&platform);
	hash_number(&h, HS_MODE_BLOCK);
	for (unsigned i = 0; i < key->n; i++) {
		hash_number(&h, key->len[i]);
		hash_number(&h, key->flags[i]);
		sha256_update(&h, key->len[i], (const uint8_t *)key->text[i]);
	}
	sha256_digest(&h, SHA256_DIGEST_SIZE, out);
}

/* folder/HEX.hs */
static char *path_of(const char *folder, const uint8_t digest[SHA256_DIGEST_SIZE])
{
	char hex[2 * SHA256_DIGEST_SIZE + 1];
	for (size_t i = 0; i < SHA256_DIGEST_SIZE; i++)
		sprintf(hex + 2 * i, "%02x", digest[i]);
	return xasprintf("%s/%s.hs", folder, hex);
}

static void digest_of(const uint8_t *data, size_t n, uint8_t out[SHA256_DIGEST_SIZE])
{
	struct sha256_ctx h;
	sha256_init(&h);
	sha256_update(&h, n, data);
	sha256_digest(&h, SHA256_DIGEST_SIZE, out);
}

/* Makes the folder, and those above it that are missing. */
static void make_folders(const char *folder)
{
	char *path = xstrdup(folder);
	for (char *at = path + 1; *path && *at; at++) {
		if (*at != '/')
			continue;
		*at = 0;
		mkdir(path, 0755);
		*at = '/';
	}
	mkdir(path, 0700);
	free(path);
}

/* The folder must be ours and closed to others' writing: what lies in it is handed to a library that trusts it. */
static bool folder_is_safe(const char *folder)
{
	struct stat st;
	return lstat(folder, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == geteuid() && (st.st_mode & 0022) == 0;
}

static uint8_t *read_whole(const char *path, size_t *n)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return NULL;
	uint8_t *data = NULL;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid() && st.st_size > 0 && st.st_size < MAX_FILE)
		data = malloc((size_t)st.st_size);
	*n = 0;
	while (data && *n < (size_t)st.st_size) {
		ssize_t got = read(fd, data + *n, (size_t)st.st_size - *n);
		if (got <= 0)
			break;
		*n += (size_t)got;
	}
	close(fd);
	return data;
}

hs_database_t *cache_load(const char *folder, const uint8_t key[SHA256_DIGEST_SIZE])
{
	const size_t head = sizeof magic + SHA256_DIGEST_SIZE;
	hs_database_t *db = NULL;
	uint8_t digest[SHA256_DIGEST_SIZE] = {0};
	size_t n;
	if (!folder_is_safe(folder))
		return NULL;
	char *path = path_of(folder, key);
	uint8_t *data = read_whole(path, &n);
	if (data) {
		bool whole = n > head && memcmp(data, magic, sizeof magic) == 0;
		if (whole)
			digest_of(data + head, n - head, digest);
		whole = whole && memcmp(data + sizeof magic, digest, sizeof digest) == 0;
		if (!whole || hs_deserialize_database((const char *)data + head, n - head, &db) != HS_SUCCESS) {
			db = NULL;
			unlink(path);
		}
	}
	free(data);
	free(path);
	return db;
}

static bool write_whole(int fd, const void *data, size_t n)
{
	const uint8_t *p = data;
	while (n) {
		ssize_t put = write(fd, p, n);
		if (put <= 0)
			return false;
		p += put;
		n -= (size_t)put;
	}
	return true;
}

void cache_store(const char *folder, const uint8_t key[SHA256_DIGEST_SIZE], const hs_database_t *database)
{
	char *bytes = NULL;
	size_t n = 0;
	uint8_t digest[SHA256_DIGEST_SIZE];
	make_folders(folder);
	if (!folder_is_safe(folder) || hs_serialize_database(database, &bytes, &n) != HS_SUCCESS)
		return;
	digest_of((const uint8_t *)bytes, n, digest);
	char *path = path_of(folder, key), *temporary = xasprintf("%s.%ld", path, (long)getpid());
	int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd >= 0) {
		bool done = write_whole(fd, magic, sizeof magic) && write_whole(fd, digest, sizeof digest) && write_whole(fd, bytes, n);
		if (close(fd) || !done || rename(temporary, path))
			unlink(temporary);
	}
	free(bytes);
	free(path);
	free(temporary);
}
