// SPDX-License-Identifier: GPL-2.0-or-later
/* Any bytes as a configuration file: read or refused, never a crash or a hang. */
#include "base/conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* libfyaml loses some hundred bytes when it gives up on a document with broken aliases; its allocations alone are left out. */
__attribute__((visibility("default"))) const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:libfyaml.so\n";
}

static void visit(const char *path, const struct conf *node, void *context)
{
	*(size_t *)context += strlen(path) + (node->value ? strlen(node->value) : 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct conf *root = conf_new();
	struct error error = {0};
	size_t seen = 0;
	uint64_t number;
	(void)conf_set(root, "outputs.1.eve-log.types.0=alert", &error);
	/* includes would read the machine's files: a text with that word is left */
	if (bytes_find(bytes_of(data, size), BYTES_LITERAL("include"), 0) < 0)
		(void)conf_load_text(root, bytes_of(data, size), "fuzz", &error);
	conf_walk(root, visit, &seen);
	(void)conf_size(root, "a.b", &number, &error);
	(void)conf_bool(root, "outputs.1.eve-log.enabled", false);
	conf_free(root);
	return 0;
}
