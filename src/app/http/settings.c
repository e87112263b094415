// SPDX-License-Identifier: GPL-2.0-or-later
/* app-layer.protocols.http.libhtp: default-config, and server-config by the server's address. */
#include "app/http/http.h"

#include <errno.h>
#include <stdlib.h>

static const struct {
	const char *name;
	enum htp_server_personality_t personality;
} personalities[] = {
	{"Minimal", HTP_SERVER_MINIMAL}, {"Generic", HTP_SERVER_GENERIC}, {"IDS", HTP_SERVER_IDS}, {"IIS_4_0", HTP_SERVER_IIS_4_0},
	{"IIS_5_0", HTP_SERVER_IIS_5_0}, {"IIS_5_1", HTP_SERVER_IIS_5_1}, {"IIS_6_0", HTP_SERVER_IIS_6_0}, {"IIS_7_0", HTP_SERVER_IIS_7_0},
	{"IIS_7_5", HTP_SERVER_IIS_7_5}, {"Apache", HTP_SERVER_APACHE_2}, {"Apache_2", HTP_SERVER_APACHE_2}, {"Apache_2_2", HTP_SERVER_APACHE_2},
};

static int set_personality(struct http_config *c, struct conf *node, struct error *error)
{
	const char *name = node ? conf_string(node, "personality", "IDS") : "IDS";
	for (size_t i = 0; i < sizeof personalities / sizeof *personalities; i++)
		if (strcasecmp(name, personalities[i].name) == 0)
			return htp_config_set_server_personality(c->htp, personalities[i].personality) == HTP_OK ? 0 : -ENOMEM;
	return error_set(error, EINVAL, "libhtp: unknown personality \"%s\"", name);
}

/* Switches that go to libhtp as they are, for both decoders of the URI or one of them. */
static const struct {
	const char *key;
	void (*set)(htp_cfg_t *, enum htp_decoder_ctx_t, int);
	enum htp_decoder_ctx_t context;
	int absent; /* -1: what the personality says */
} switches[] = {
	{"path-convert-backslash-separators", htp_config_set_backslash_convert_slashes, HTP_DECODER_DEFAULTS, -1},
	{"path-convert-lowercase", htp_config_set_convert_lowercase, HTP_DECODER_DEFAULTS, 0},
	{"path-nul-encoded-terminates", htp_config_set_nul_encoded_terminates, HTP_DECODER_DEFAULTS, -1},
	{"path-nul-raw-terminates", htp_config_set_nul_raw_terminates, HTP_DECODER_DEFAULTS, -1},
	{"path-separators-compress", htp_config_set_path_separators_compress, HTP_DECODER_DEFAULTS, -1},
	{"path-separators-decode", htp_config_set_path_separators_decode, HTP_DECODER_DEFAULTS, -1},
	{"path-u-encoding-decode", htp_config_set_u_encoding_decode, HTP_DECODER_DEFAULTS, -1},
	{"u-encoding-decode", htp_config_set_u_encoding_decode, HTP_DECODER_DEFAULTS, -1},
	{"query-plusspace-decode", htp_config_set_plusspace_decode, HTP_DECODER_URLENCODED, 0},
};

static void set_switches(struct http_config *c, struct conf *node)
{
	for (size_t i = 0; i < sizeof switches / sizeof *switches; i++) {
		const char *value = node ? conf_string(node, switches[i].key, NULL) : NULL;
		int on = value ? conf_is_true(value) : switches[i].absent;
		if (on >= 0)
			switches[i].set(c->htp, switches[i].context, on);
	}
	static const char *const handling[] = {"preserve_percent", "remove_percent", "decode_invalid"};
	const char *value = node ? conf_string(node, "path-url-encoding-invalid-handling", NULL) : NULL;
	for (int i = 0; value && i < 3; i++)
		if (strcasecmp(value, handling[i]) == 0)
			htp_config_set_url_encoding_invalid_handling(c->htp, HTP_DECODER_DEFAULTS, (enum htp_url_encoding_handling_t)i);
}

static int read_size(struct conf *node, const char *key, uint64_t *out, struct error *error)
{
	return node ? conf_size(node, key, out, error) : 0;
}

static int read_number(struct conf *node, const char *key, uint64_t *out, struct error *error)
{
	int64_t v = (int64_t)*out;
	int rc = node ? conf_int(node, key, &v, error) : 0;
	if (rc == 0)
		*out = v < 0 ? 0 : (uint64_t)v;
	return rc;
}

static int read_limits(struct http_config *c, struct conf *node, struct error *error)
{
	uint64_t field = 18000, layers = 2, time = 100000, headers = 1024;
	c->body_limit[0] = c->body_limit[1] = 4096;
	c->minimal_inspect[0] = c->minimal_inspect[1] = 32768;
	c->inspect_window[0] = c->inspect_window[1] = 4096;
	c->decompress = (struct decompress_limits){.lzma_memory = 1 << 20, .bomb_bytes = 1 << 20};
	c->bomb_count = 3;
	const struct {
		const char *key;
		uint64_t *out;
		bool plain;
	} rows[] = {
		{"request-body-limit", &c->body_limit[0], false},
		{"response-body-limit", &c->body_limit[1], false},
		{"request-body-minimal-inspect-size", &c->minimal_inspect[0], false},
		{"request-body-inspect-window", &c->inspect_window[0], false},
		{"response-body-minimal-inspect-size", &c->minimal_inspect[1], false},
		{"response-body-inspect-window", &c->inspect_window[1], false},
		{"meta-field-limit", &field, false},
		{"lzma-memlimit", &c->decompress.lzma_memory, false},
		{"compression-bomb-limit", &c->decompress.bomb_bytes, false},
		{"compression-bomb-count", &c->bomb_count, true},
		{"decompression-time-limit", &time, true},
		{"response-body-decompress-layer-limit", &layers, true},
		{"headers-limit", &headers, true},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		int rc = rows[i].plain ? read_number(node, rows[i].key, rows[i].out, error) : read_size(node, rows[i].key, rows[i].out, error);
		if (rc < 0)
			return rc;
	}
	c->decompress.layers = layers > 8 ? 8 : (unsigned)layers;
	c->decompress.time = (usec_t)time;
	c->decompress.lzma = node && conf_bool(node, "lzma-enabled", false);
	htp_config_set_field_limits(c->htp, field / 2, field);
	htp_config_set_number_headers_limit(c->htp, headers > UINT32_MAX ? UINT32_MAX : (uint32_t)headers);
	return 0;
}

static void read_inline(struct http_config *c, struct conf *node)
{
	const char *value = node ? conf_string(node, "http-body-inline", "auto") : "auto";
	bool automatic = strcmp(value, "auto") == 0;
	c->body_inline[0] = !automatic && conf_is_true(value);
	c->body_inline[1] = automatic || conf_is_true(value);
}

static int read_config(struct http_config *c, struct conf *node, struct error *error)
{
	c->htp = htp_config_create();
	if (!c->htp)
		return error_set(error, ENOMEM, "libhtp: out of memory");
	int rc = set_personality(c, node, error);
	if (rc < 0)
		return rc;
	htp_config_set_response_decompression(c->htp, 0);
	htp_config_set_request_decompression(c->htp, 0);
	htp_config_set_parse_request_cookies(c->htp, 0);
	htp_config_set_parse_request_auth(c->htp, 1);
	htp_config_set_plusspace_decode(c->htp, HTP_DECODER_DEFAULTS, 0);
	set_switches(c, node);
	htp_config_set_allow_space_uri(c->htp, !node || conf_bool(node, "allow-space-uri", true));
	c->uri_include_all = node && conf_bool(node, "uri-include-all", false);
	c->double_decode_path = node && conf_bool(node, "double-decode-path", false);
	c->double_decode_query = node && conf_bool(node, "double-decode-query", false);
	read_inline(c, node);
	rc = read_limits(c, node, error);
	if (rc == 0)
		http_callbacks_register(c->htp);
	return rc;
}

static int add_network(struct http_config *c, const char *text, struct error *error)
{
	const char *slash = strchr(text, '/');
	struct address a;
	if (!address_parse(bytes_of(text, slash ? (size_t)(slash - text) : strlen(text)), &a))
		return error_set(error, EINVAL, "libhtp: server-config: \"%s\" is no address", text);
	unsigned bits = (unsigned)address_len(&a) * 8;
	if (slash && (unsigned)atoi(slash + 1) <= bits)
		bits = (unsigned)atoi(slash + 1);
	address_mask(&a, bits);
	c->network = xrealloc(c->network, (c->n_networks + 1) * sizeof *c->network);
	c->network[c->n_networks].address = a;
	c->network[c->n_networks++].bits = bits;
	return 0;
}

static int read_server(struct http_settings *s, struct conf *node, struct error *error)
{
	s->server = xrealloc(s->server, (s->n_servers + 1) * sizeof *s->server);
	struct http_config *c = &s->server[s->n_servers++];
	*c = (struct http_config){0};
	int rc = read_config(c, node, error);
	struct conf *address = rc == 0 ? conf_child(node, "address") : NULL;
	if (address && !address->first && address->value)
		return add_network(c, address->value, error);
	for (struct conf *a = address ? address->first : NULL; a && rc == 0; a = a->next)
		if (a->value)
			rc = add_network(c, a->value, error);
	return rc;
}

void *http_settings_read(struct conf *conf, struct error *error)
{
	struct http_settings *s = xcalloc(1, sizeof *s);
	int rc = read_config(&s->common, conf ? conf_get(conf, "app-layer.protocols.http.libhtp.default-config") : NULL, error);
	struct conf *servers = conf ? conf_get(conf, "app-layer.protocols.http.libhtp.server-config") : NULL;
	for (struct conf *e = servers ? servers->first : NULL; e && rc == 0; e = e->next) {
		struct conf *node = e->kind == CONF_MAP && e->first && e->first->kind == CONF_MAP ? e->first : e;
		rc = read_server(s, node, error);
	}
	if (rc == 0)
		return s;
	http_settings_free(s);
	return NULL;
}

static void config_free(struct http_config *c)
{
	if (c->htp)
		htp_config_destroy(c->htp);
	free(c->network);
}

void http_settings_free(void *settings)
{
	struct http_settings *s = settings;
	if (!s)
		return;
	config_free(&s->common);
	for (size_t i = 0; i < s->n_servers; i++)
		config_free(&s->server[i]);
	free(s->server);
	free(s);
}

static unsigned match_bits(const struct http_config *c, const struct address *a)
{
	unsigned best = 0;
	for (size_t i = 0; i < c->n_networks; i++) {
		struct address masked = *a;
		address_mask(&masked, c->network[i].bits);
		if (address_equal(&masked, &c->network[i].address) && c->network[i].bits + 1 > best)
			best = c->network[i].bits + 1;
	}
	return best;
}

/* The longest prefix wins. */
const struct http_config *http_config_for(const struct http_settings *s, const struct address *server)
{
	const struct http_config *found = &s->common;
	unsigned best = 0;
	for (size_t i = 0; i < s->n_servers; i++) {
		unsigned bits = match_bits(&s->server[i], server);
		if (bits > best) {
			best = bits;
			found = &s->server[i];
		}
	}
	return found;
}
