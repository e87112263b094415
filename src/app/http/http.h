// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Private to app/http/: HTTP/1, parsed by libhtp, its bodies decoded by us.
 *
 * libhtp keeps its own transaction beside ours; each points to the other. Ours may go first (the flow's parser failed): then
 * libhtp's has no user data any more and its callbacks do nothing.
 */
#pragma once

#include "app/http/decompress.h"
#include "app/protocols.h"

#include <htp/htp.h>

enum { N_HTTP_PATTERNS = 59 };
extern const struct app_pattern http_patterns[N_HTTP_PATTERNS];

/* States by direction; "is there" means that what the name says has been read. */
enum { HTTP_STARTED, HTTP_LINE, HTTP_HEADERS, HTTP_BODY, HTTP_TRAILER, HTTP_COMPLETE };

/* app-layer-event:http.X, in the order of names. */
enum http_event {
#define EVENT(id, name) HTTP_EVENT_##id,
#include "app/http/events.def"
#undef EVENT
	HTTP_EVENT_N_
};
extern const char *const http_event_names[];

/* One personality: default-config, or a server-config entry with its addresses. */
struct http_config {
	htp_cfg_t *htp;
	uint64_t body_limit[2];        /* 0: none */
	uint64_t minimal_inspect[2], inspect_window[2];
	struct decompress_limits decompress;
	uint64_t bomb_count;
	bool body_inline[2];           /* [ips]: bodies are looked at as they come, not from the minimal size on */
	bool uri_include_all, double_decode_path, double_decode_query;
	struct { struct address address; unsigned bits; } *network;
	size_t n_networks;
};

struct http_settings {
	struct http_config common;
	struct http_config *server;
	size_t n_servers;
};

void *http_settings_read(struct conf *conf, struct error *error);
void http_settings_free(void *settings);
const struct http_config *http_config_for(const struct http_settings *s, const struct address *server);
void http_callbacks_register(htp_cfg_t *cfg); /* parser.c */

struct http_body {
	struct slide data;         /* decoded, up to the limit */
	uint64_t total;            /* decoded bytes that went in */
	uint64_t inspected;        /* detection has seen up to here */
	bool begun, limit_reached, ended;
	struct decompressor *decompressor;
	size_t decompressor_size;  /* estimate */
	struct file *file;
};

enum http_cache { CACHE_HEADER, CACHE_NAMES, CACHE_START, CACHE_HOST, HTTP_CACHE_N_ };

struct http_multipart;

struct http_tx {
	struct app_tx tx; /* first */
	htp_tx_t *htp;    /* NULL: libhtp's is gone */
	struct app_flow *flow;
	const struct http_config *config;
	struct bytes uri;              /* normalised */
	struct buffer raw_headers[2];
	struct http_body body[2];
	struct bytes cache[2][HTTP_CACHE_N_];
	bool cached[2][HTTP_CACHE_N_];
	struct bytes *line[2];         /* http.request_header, http.response_header */
	size_t n_lines[2];
	struct http_multipart *multipart;
	unsigned n_logs;
	size_t charged;                /* estimate of what libhtp keeps for it */
};

struct http_state { /* of a flow */
	struct app_flow *flow;
	const struct http_config *config;
	htp_connp_t *connp;
	usec_t now;
	unsigned bombs;
	bool unmatched, closing;
	bool in_response;              /* a response has begun and not ended */
	struct bytes input;            /* being parsed */
	int direction;                 /* whose bytes are being parsed */
};

static inline struct bytes http_bytes(const bstr *b)
{
	return b ? bytes_of(bstr_ptr(b), bstr_len(b)) : (struct bytes){NULL, 0};
}

/* A header's value; false: not there. Repeated ones were joined with ", " by libhtp. */
static inline bool http_header(const struct http_tx *t, int direction, const char *name, struct bytes *out)
{
	htp_table_t *table = !t->htp ? NULL : direction == TO_SERVER ? t->htp->request_headers : t->htp->response_headers;
	const htp_header_t *h = table ? htp_table_get_c(table, name) : NULL;
	if (!h || !h->value)
		return false;
	*out = http_bytes(h->value);
	return true;
}

static inline void http_event(struct http_tx *t, enum http_event e)
{
	app_tx_event(&t->tx, e);
}

/* parser.c */
int http_open(struct app_flow *a);
enum app_result http_parse(struct app_flow *a, int direction, struct app_input *in);
void http_close(struct app_flow *a);
void http_tx_release(struct app_tx *tx);
/* uri.c */
void http_uri_normalize(struct http_tx *t);
/* events.c */
void http_log_event(struct http_tx *t, const htp_log_t *log, int direction);
void http_request_events(struct http_tx *t);
/* body.c */
void http_body_start(struct http_tx *t, int direction);
void http_body_data(struct http_tx *t, int direction, struct bytes data, uint64_t gap_len);
void http_body_end(struct http_tx *t, int direction, bool whole);
bool http_body_view(const struct http_tx *t, int direction, struct app_view *out);
void http_body_inspected(struct app_flow *a, struct app_tx *tx, int direction);
void http_body_free(struct http_tx *t);
/* multipart.c: files in a request's multipart/form-data. NULL: it is none. */
struct http_multipart *http_multipart_new(struct bytes content_type);
void http_multipart_feed(struct http_tx *t, struct bytes data);
void http_multipart_end(struct http_tx *t, bool whole);
void http_multipart_free(struct http_multipart *m);
/* The filename parameter of a Content-Disposition value. */
bool http_disposition_filename(struct bytes value, struct bytes *out);
/* buffers.c, log.c */
enum { N_HTTP_KEYWORDS = 33 };
extern const struct app_keyword http_keywords[N_HTTP_KEYWORDS];
bool http_log(struct json *j, struct app_flow *a, struct app_tx *tx, int direction, const struct app_log_options *o);
/* "bytes 0-99/1000": false if it is none. */
struct http_range {
	int64_t start, end, size; /* -1: not said */
};
bool http_content_range(struct bytes value, struct http_range *out);
