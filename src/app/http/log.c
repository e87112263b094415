// SPDX-License-Identifier: GPL-2.0-or-later
/* The `http` object of EVE: in records of its own, in alerts and with files. */
#include "app/http/http.h"
#include "app/log.h"

/* Words of `custom:` and the header they mean; the member has '_' for '-'. */
static const struct custom {
	const char *name, *member;
	uint8_t direction;
} custom[] = {
	{"accept", "accept", TO_SERVER}, {"accept-charset", "accept_charset", TO_SERVER}, {"accept-encoding", "accept_encoding", TO_SERVER},
	{"accept-language", "accept_language", TO_SERVER}, {"accept-datetime", "accept_datetime", TO_SERVER},
	{"authorization", "authorization", TO_SERVER}, {"cache-control", "cache_control", TO_SERVER}, {"cookie", "cookie", TO_SERVER},
	{"from", "from", TO_SERVER}, {"max-forwards", "max_forwards", TO_SERVER}, {"origin", "origin", TO_SERVER},
	{"pragma", "pragma", TO_SERVER}, {"proxy-authorization", "proxy_authorization", TO_SERVER}, {"range", "range", TO_SERVER},
	{"te", "te", TO_SERVER}, {"via", "via", TO_SERVER}, {"x-requested-with", "x_requested_with", TO_SERVER}, {"dnt", "dnt", TO_SERVER},
	{"x-forwarded-proto", "x_forwarded_proto", TO_SERVER}, {"x-authenticated-user", "x_authenticated_user", TO_SERVER},
	{"x-flash-version", "x_flash_version", TO_SERVER}, {"referrer", "referrer", TO_SERVER},
	{"accept-range", "accept_range", TO_CLIENT}, {"age", "age", TO_CLIENT}, {"allow", "allow", TO_CLIENT},
	{"connection", "connection", TO_CLIENT}, {"content-encoding", "content_encoding", TO_CLIENT},
	{"content-language", "content_language", TO_CLIENT}, {"content-length", "content_length", TO_CLIENT},
	{"content-location", "content_location", TO_CLIENT}, {"content-md5", "content_md5", TO_CLIENT},
	{"content-range", "content_range", TO_CLIENT}, {"content-type", "content_type", TO_CLIENT}, {"date", "date", TO_CLIENT},
	{"etag", "etags", TO_CLIENT}, {"expires", "expires", TO_CLIENT}, {"last-modified", "last_modified", TO_CLIENT},
	{"link", "link", TO_CLIENT}, {"location", "location", TO_CLIENT}, {"proxy-authenticate", "proxy_authenticate", TO_CLIENT},
	{"refresh", "refresh", TO_CLIENT}, {"retry-after", "retry_after", TO_CLIENT}, {"server", "server", TO_CLIENT},
	{"set-cookie", "set_cookie", TO_CLIENT}, {"trailer", "trailer", TO_CLIENT}, {"transfer-encoding", "transfer_encoding", TO_CLIENT},
	{"upgrade", "upgrade", TO_CLIENT}, {"vary", "vary", TO_CLIENT}, {"warning", "warning", TO_CLIENT},
	{"www-authenticate", "www_authenticate", TO_CLIENT}, {"org-src-ip", "org_src_ip", TO_SERVER}, {"x-bluecoat-via", "x_bluecoat_via", TO_SERVER},
};

static void log_string(struct json *j, const char *key, const bstr *s)
{
	if (s)
		json_bytes(j, key, http_bytes(s));
}

static void log_header(struct json *j, const char *key, const struct http_tx *t, int direction, const char *name)
{
	struct bytes value;
	if (http_header(t, direction, name, &value))
		json_bytes(j, key, value);
}

static void log_content_range(struct json *j, const struct http_tx *t)
{
	struct bytes value;
	struct http_range r;
	if (!http_header(t, TO_CLIENT, "content-range", &value))
		return;
	json_open(j, "content_range");
	json_bytes(j, "raw", value);
	if (http_content_range(value, &r)) {
		if (r.start >= 0)
			json_int(j, "start", r.start);
		if (r.end >= 0)
			json_int(j, "end", r.end);
		if (r.size >= 0)
			json_int(j, "size", r.size);
	}
	json_close(j);
}

static void log_basic(struct json *j, const struct http_tx *t)
{
	const htp_tx_t *h = t->htp;
	struct bytes type;
	log_string(j, "hostname", h->request_hostname);
	if (h->request_port_number > 0)
		json_int(j, "http_port", h->request_port_number);
	log_string(j, "url", h->request_uri);
	log_header(j, "http_user_agent", t, TO_SERVER, "user-agent");
	log_header(j, "xff", t, TO_SERVER, "x-forwarded-for");
	if (http_header(t, TO_CLIENT, "content-type", &type)) {
		ptrdiff_t end = bytes_find(type, BYTES_LITERAL(";"), 0);
		json_bytes(j, "http_content_type", end >= 0 ? bytes_slice(type, 0, (size_t)end) : type);
	}
	log_content_range(j, t);
}

static void log_extended(struct json *j, const struct http_tx *t)
{
	const htp_tx_t *h = t->htp;
	log_header(j, "http_refer", t, TO_SERVER, "referer");
	log_string(j, "http_method", h->request_method);
	log_string(j, "protocol", h->request_protocol);
	if (h->response_status_number > 0) {
		json_int(j, "status", h->response_status_number);
		if (h->response_status_number > 300 && h->response_status_number < 400)
			log_header(j, "redirect", t, TO_CLIENT, "location");
	} else {
		log_string(j, "status_string", h->response_status);
	}
	json_int(j, "length", h->response_message_len);
}

static void log_custom(struct json *j, const struct http_tx *t, const struct app_log_names *names, bool extended)
{
	for (size_t i = 0; i < sizeof custom / sizeof *custom; i++) {
		const struct custom *c = &custom[i];
		if (!app_log_named(names, c->name) || (extended && strcmp(c->name, "content-range") == 0))
			continue;
		log_header(j, c->member, t, c->direction, strcmp(c->name, "referrer") == 0 ? "referer" : c->name);
	}
}

static void log_all_headers(struct json *j, const char *key, htp_table_t *table)
{
	size_t n = table ? htp_table_size(table) : 0;
	if (n == 0)
		return;
	json_open_array(j, key);
	for (size_t i = 0; i < n; i++) {
		const htp_header_t *h = htp_table_get_index(table, i, NULL);
		if (!h)
			continue;
		json_open(j, NULL);
		log_string(j, "name", h->name);
		log_string(j, "value", h->value);
		json_close(j);
	}
	json_close_array(j);
}

bool http_log(struct json *j, struct app_flow *a, struct app_tx *tx, int direction, const struct app_log_options *o)
{
	const struct http_tx *t = (const struct http_tx *)tx;
	if (!t->htp || (!t->htp->request_uri && !t->htp->response_line && !t->htp->request_method))
		return false; /* begun by an empty line, and nothing came */
	json_open(j, "http");
	log_basic(j, t);
	if (o->http.custom.n)
		log_custom(j, t, &o->http.custom, o->http.extended);
	if (o->http.dump_all_headers == LOG_HEADERS_BOTH || o->http.dump_all_headers == LOG_HEADERS_REQUEST)
		log_all_headers(j, "request_headers", t->htp->request_headers);
	if (o->http.dump_all_headers == LOG_HEADERS_BOTH || o->http.dump_all_headers == LOG_HEADERS_RESPONSE)
		log_all_headers(j, "response_headers", t->htp->response_headers);
	if (o->http.extended || o->in_alert)
		log_extended(j, t);
	json_close(j);
	return true;
}
