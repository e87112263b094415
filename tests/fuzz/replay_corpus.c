// SPDX-License-Identifier: GPL-2.0-or-later
/* Without a fuzzing engine a target runs once over each file of its corpus folder: past findings stay tests. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int run_file(const char *path)
{
	FILE *f = fopen(path, "rb");
	if (!f) {
		perror(path);
		return 1;
	}
	fseek(f, 0, SEEK_END);
	long n = ftell(f);
	rewind(f);
	uint8_t *data = malloc(n > 0 ? (size_t)n : 1);
	size_t got = data && n > 0 ? fread(data, 1, (size_t)n, f) : 0;
	fclose(f);
	/* exactly as long as the input, so that one byte too far is seen by the sanitizer */
	LLVMFuzzerTestOneInput(data, got);
	free(data);
	return 0;
}

int main(int argc, char **argv)
{
	int count = 0, failed = 0;
	for (int i = 1; i < argc; i++) {
		struct dirent **entries;
		int n = scandir(argv[i], &entries, NULL, alphasort);
		if (n < 0) {
			perror(argv[i]);
			return 1;
		}
		for (int k = 0; k < n; k++) {
			char path[4096];
			snprintf(path, sizeof path, "%s/%s", argv[i], entries[k]->d_name);
			if (entries[k]->d_name[0] != '.') {
				failed |= run_file(path);
				count++;
			}
			free(entries[k]);
		}
		free(entries);
	}
	printf("%d inputs\n", count);
	return failed || count == 0;
}
