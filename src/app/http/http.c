// SPDX-License-Identifier: GPL-2.0-or-later
#include "app/http/http.h"

static const char *const requests[] = {
	"request_started", "request_line", "request_headers", "request_body", "request_trailer", "request_complete", NULL,
};
static const char *const responses[] = {
	"response_started", "response_line", "response_headers", "response_body", "response_trailer", "response_complete", NULL,
};
static const char *const rule_names[] = {"http", "http1", NULL};

const struct app_proto app_http = {
	.name = "http", .rule_names = rule_names, .setting = "http", .transports = APP_TRANSPORT_TCP, .recognise_only = true,
	.states = {requests, responses}, .complete = {5, 5}, .patterns = http_patterns, .n_patterns = N_HTTP_PATTERNS, .first_dir = TO_SERVER,
};
