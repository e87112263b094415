// SPDX-License-Identifier: GPL-2.0-or-later
/* HTTP/1 is known by a method that libhtp knows, followed by a space or a tab; answers by their version. */
#include "app/http/http.h"

#define REQUEST(method, n)                                                                                                            \
	{.transport = APP_TRANSPORT_TCP, .direction = TO_SERVER, .bytes = method " ", .depth = (n) + 1, .nocase = true},              \
	{.transport = APP_TRANSPORT_TCP, .direction = TO_SERVER, .bytes = method "|09|", .depth = (n) + 1, .nocase = true}
#define RESPONSE(version) {.transport = APP_TRANSPORT_TCP, .direction = TO_CLIENT, .bytes = version, .depth = sizeof(version) - 1, .nocase = true}

const struct app_pattern http_patterns[] = {
	REQUEST("GET", 3), REQUEST("PUT", 3), REQUEST("POST", 4), REQUEST("HEAD", 4), REQUEST("TRACE", 5), REQUEST("OPTIONS", 7),
	REQUEST("CONNECT", 7), REQUEST("DELETE", 6), REQUEST("PATCH", 5), REQUEST("PROPFIND", 8), REQUEST("PROPPATCH", 9),
	REQUEST("MKCOL", 5), REQUEST("COPY", 4), REQUEST("MOVE", 4), REQUEST("LOCK", 4), REQUEST("UNLOCK", 6), REQUEST("CHECKOUT", 8),
	REQUEST("UNCHECKOUT", 10), REQUEST("CHECKIN", 7), REQUEST("UPDATE", 6), REQUEST("LABEL", 5), REQUEST("REPORT", 6),
	REQUEST("MKWORKSPACE", 11), REQUEST("MKACTIVITY", 10), REQUEST("MERGE", 5), REQUEST("INVALID", 7), REQUEST("VERSION-CONTROL", 15),
	REQUEST("BASELINE-CONTROL", 16),
	RESPONSE("HTTP/0.9"), RESPONSE("HTTP/1.0"), RESPONSE("HTTP/1.1"),
};
_Static_assert(sizeof http_patterns / sizeof *http_patterns == N_HTTP_PATTERNS, "the descriptor's count");
