// SPDX-License-Identifier: GPL-2.0-or-later
#include "app/http/http.h"

static const char *const requests[] = {
	"request_started", "request_line", "request_headers", "request_body", "request_trailer", "request_complete", NULL,
};
static const char *const responses[] = {
	"response_started", "response_line", "response_headers", "response_body", "response_trailer", "response_complete", NULL,
};
static const char *const rule_names[] = {"http", "http1", NULL};

static const struct app_logger loggers[] = {
	{.type = "http", .setting = "http", .state = {HTTP_COMPLETE, HTTP_COMPLETE}, .with_tx_id = true, .log = http_log},
};

const struct app_proto app_http = {
	.name = "http", .rule_names = rule_names, .setting = "http", .transports = APP_TRANSPORT_TCP,
	.states = {requests, responses}, .complete = {HTTP_COMPLETE, HTTP_COMPLETE},
	.patterns = http_patterns, .n_patterns = N_HTTP_PATTERNS, .keywords = http_keywords, .n_keywords = N_HTTP_KEYWORDS,
	.events = http_event_names, .upper_events = true, .loggers = loggers, .n_loggers = 1,
	.configure = http_settings_read, .unconfigure = http_settings_free, .open = http_open, .parse = http_parse, .close = http_close,
	.tx_release = http_tx_release, .tx_inspected = http_body_inspected, .first_dir = 2, .max_tx = 512,
};
