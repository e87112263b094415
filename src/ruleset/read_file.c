// SPDX-License-Identifier: GPL-2.0-or-later
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ruleset/read_text.h"

/* Standard input may be a pipe, and it is read more than once: a copy of it takes its place. */
static int keep_input(struct error *error)
{
	char piece[65536];
	ssize_t n;
	int fd = memfd_create("ruleset", MFD_CLOEXEC);
	while (fd >= 0 && (n = read(STDIN_FILENO, piece, sizeof piece)) > 0)
		if (write(fd, piece, (size_t)n) != n)
			break;
	if (fd < 0 || dup2(fd, STDIN_FILENO) < 0 || lseek(STDIN_FILENO, 0, SEEK_SET) < 0) {
		int code = errno;
		if (fd >= 0)
			close(fd);
		return error_set(error, code, "standard input: %s", strerror(code));
	}
	close(fd);
	return 0;
}

static int first_character(const char *path, struct error *error)
{
	FILE *f = fopen(path, "re");
	int c = ' ';
	if (!f)
		return error_set(error, errno, "%s: %s", path, strerror(errno));
	while (c != EOF && isspace(c))
		c = fgetc(f);
	bool failed = ferror(f);
	fclose(f);
	return failed ? error_set(error, EIO, "%s: cannot be read", path) : c == EOF ? 0 : c;
}

int ruleset_read_file(struct ruleset **out, const char *path, const struct ruleset_options *o, struct error *error)
{
	const char *name = strcmp(path, "-") == 0 ? "/dev/stdin" : path;
	if (name != path && keep_input(error) < 0)
		return -EIO;
	int c = first_character(name, error);
	if (c < 0)
		return c;
	struct decoder *d = decoder_new(path, o);
	int code = c == '{' ? ruleset_decode_json(d, name, error) : nft_text_decode(d, name, NULL, error);
	if (code < 0) {
		decoder_free(d);
		return code;
	}
	*out = decoder_finish(d);
	if (*out && c != '{')
		ruleset_place_lines(*out, name);
	return *out ? 0 : error_set(error, ENOMEM, "out of memory");
}
