// SPDX-License-Identifier: GPL-2.0-or-later
/* Exchanges written by hand, fed whole and byte by byte; what rules and EVE see of them follows from RFC 9112 and the manual. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <zlib.h>

#include "app/http/http.h"
#include "app/log.h"

struct fixture {
	struct app_context *context;
	struct app_worker worker;
	struct counters counters;
	struct flow flow;
	struct conf *conf;
};

static void setup(struct fixture *x, const char *const *assignments)
{
	*x = (struct fixture){.conf = conf_new()};
	for (size_t i = 0; assignments && assignments[i]; i++)
		assert_int_equal(conf_set(x->conf, assignments[i], NULL), 0);
	x->context = app_context_new(x->conf, false, NULL);
	assert_non_null(x->context);
	assert_int_equal(app_worker_init(&x->worker, x->context, &x->counters), 0);
	x->flow.key.proto = PROTO_TCP;
	x->flow.key.sport = 40000;
	x->flow.key.dport = 80;
}

static void teardown(struct fixture *x)
{
	app_flow_finish(&x->worker, &x->flow, 0);
	app_flow_free(&x->worker, &x->flow);
	assert_int_equal(x->worker.memuse, 0);
	app_worker_deinit(&x->worker);
	app_context_free(x->context);
	conf_free(x->conf);
}

/* Feeds in pieces of `step` bytes as the worker would: what is not used comes again with more. */
static void feed(struct fixture *x, int direction, const void *data, size_t n, size_t step)
{
	size_t done = 0, have = 0;
	while (have < n) {
		have = have + step < n ? have + step : n;
		struct app_input in = {.data = bytes_of((const uint8_t *)data + done, have - done)};
		bool stop;
		done += app_stream_input(&x->worker, &x->flow, direction, &in, &stop);
	}
}

static void feed_text(struct fixture *x, int direction, const char *text, size_t step)
{
	feed(x, direction, text, strlen(text), step);
}

static struct app_tx *tx_number(struct fixture *x, unsigned n)
{
	struct app_tx *tx = x->flow.app->first;
	while (tx && n--)
		tx = tx->next;
	assert_non_null(tx);
	return tx;
}

static bool get(struct fixture *x, struct app_tx *tx, int direction, const char *name, unsigned index, struct app_view *v)
{
	const struct app_keyword *k = app_keyword_find(&app_http, name);
	assert_non_null(k);
	*v = (struct app_view){0};
	return tx->state[direction] >= k->state[direction] && k->buffer(x->flow.app, tx, direction, index, v);
}

#define assert_buffer(x, tx, direction, name, want)                                                      \
	do {                                                                                             \
		struct app_view v_;                                                                      \
		assert_true(get(x, tx, direction, name, 0, &v_));                                        \
		assert_int_equal(v_.data.len, sizeof(want) - 1);                                         \
		assert_memory_equal(v_.data.data, want, sizeof(want) - 1);                               \
	} while (0)

static void assert_absent(struct fixture *x, struct app_tx *tx, int direction, const char *name)
{
	struct app_view v;
	assert_false(get(x, tx, direction, name, 0, &v));
}

static bool has_event(const struct app_tx *tx, const char *name)
{
	for (unsigned i = 0; i < tx->n_events; i++)
		if (strcmp(http_event_names[tx->event[i]], name) == 0)
			return true;
	return false;
}

static const char request[] =
	"POST /a/../B/%63?q=%41+1#f HTTP/1.1\r\nHost: ExAmple.com:8080\r\nUser-Agent:  Tester/1 \r\nCookie: k=v\r\n"
	"X-A: 1\r\nX-A: 2\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello";
static const char response[] =
	"HTTP/1.1 200 Very OK\r\nServer: S\r\nSet-Cookie: c=d\r\nTransfer-Encoding: chunked\r\nContent-Type: text/html; charset=x\r\n\r\n"
	"4\r\nwiki\r\n6;ext=1\r\npedia!\r\n0\r\nTrailer: t\r\n\r\n";

static void check_exchange(size_t step)
{
	struct fixture x;
	setup(&x, NULL);
	feed_text(&x, TO_SERVER, request, step);
	struct app_tx *tx = tx_number(&x, 0);
	assert_int_equal(tx->state[TO_SERVER], HTTP_COMPLETE);
	assert_int_equal(tx->state[TO_CLIENT], HTTP_STARTED);
	assert_buffer(&x, tx, TO_SERVER, "http.method", "POST");
	assert_buffer(&x, tx, TO_SERVER, "http.uri", "/B/c?q=A+1#f");
	assert_buffer(&x, tx, TO_SERVER, "http.uri.raw", "/a/../B/%63?q=%41+1#f");
	assert_buffer(&x, tx, TO_SERVER, "http.protocol", "HTTP/1.1");
	assert_buffer(&x, tx, TO_SERVER, "http.request_line", "POST /a/../B/%63?q=%41+1#f HTTP/1.1");
	assert_buffer(&x, tx, TO_SERVER, "http.host", "example.com");
	assert_buffer(&x, tx, TO_SERVER, "http.user_agent", "Tester/1");
	assert_buffer(&x, tx, TO_SERVER, "http.cookie", "k=v");
	assert_buffer(&x, tx, TO_SERVER, "http.content_len", "5");
	assert_buffer(&x, tx, TO_SERVER, "http.header",
		      "Host: ExAmple.com:8080\r\nUser-Agent: Tester/1\r\nX-A: 1, 2\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n");
	assert_buffer(&x, tx, TO_SERVER, "http.header_names",
		      "\r\nHost\r\nUser-Agent\r\nCookie\r\nX-A\r\nContent-Type\r\nContent-Length\r\n\r\n");
	assert_buffer(&x, tx, TO_SERVER, "http.request_header", "Host: ExAmple.com:8080");
	assert_buffer(&x, tx, TO_SERVER, "http.request_body", "hello");
	assert_buffer(&x, tx, TO_SERVER, "file.name", "/B/c");
	assert_absent(&x, tx, TO_SERVER, "http.referer");
	assert_absent(&x, tx, TO_CLIENT, "http.stat_code");
	feed_text(&x, TO_CLIENT, response, step);
	assert_int_equal(tx->state[TO_CLIENT], HTTP_COMPLETE);
	assert_buffer(&x, tx, TO_CLIENT, "http.stat_code", "200");
	assert_buffer(&x, tx, TO_CLIENT, "http.stat_msg", "Very OK");
	assert_buffer(&x, tx, TO_CLIENT, "http.server", "S");
	assert_buffer(&x, tx, TO_CLIENT, "http.response_line", "HTTP/1.1 200 Very OK");
	assert_buffer(&x, tx, TO_CLIENT, "http.response_body", "wikipedia!");
	assert_buffer(&x, tx, TO_CLIENT, "file.data", "wikipedia!");
	assert_int_equal(tx->files[TO_CLIENT]->size, 10);
	assert_int_equal(tx->files[TO_CLIENT]->state, FILE_CLOSED);
	teardown(&x);
}

static void exchange_whole(void **state)
{
	check_exchange(SIZE_MAX / 2);
}

static void exchange_by_bytes(void **state)
{
	check_exchange(1);
	check_exchange(7);
}

/* Requests that nobody answers are held up to max-tx; one more ends the parser, and nothing is begun again for ever. */
static void more_than_max_tx(void **state)
{
	struct fixture x;
	struct buffer all = {0};
	setup(&x, NULL);
	for (int i = 0; i < 600; i++)
		buffer_add_string(&all, "GET / HTTP/1.1\r\n\r\n");
	struct app_input in = {.data = bytes_of(all.data, all.len)};
	bool stop = false;
	app_stream_input(&x.worker, &x.flow, TO_SERVER, &in, &stop);
	assert_int_equal(x.flow.app->n_live, 512);
	assert_true(x.flow.app->error[TO_SERVER]);
	buffer_free(&all);
	teardown(&x);
}

static void pipelined(void **state)
{
	struct fixture x;
	setup(&x, NULL);
	feed_text(&x, TO_SERVER, "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n", SIZE_MAX / 2);
	assert_int_equal(x.flow.app->n_live, 2);
	feed_text(&x, TO_CLIENT, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\naHTTP/1.1 404 No\r\nContent-Length: 1\r\n\r\nb", SIZE_MAX / 2);
	assert_buffer(&x, tx_number(&x, 0), TO_CLIENT, "http.stat_code", "200");
	assert_buffer(&x, tx_number(&x, 1), TO_SERVER, "http.uri", "/2");
	assert_buffer(&x, tx_number(&x, 1), TO_CLIENT, "http.response_body", "b");
	app_transactions_prune(&x.worker, &x.flow, false);
	assert_int_equal(x.flow.app->n_live, 0);
	assert_int_equal(x.flow.app->n_tx, 2);
	teardown(&x);
}

static size_t deflated(const char *text, int window, uint8_t *out, size_t room)
{
	z_stream z = {0};
	assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, window, 8, Z_DEFAULT_STRATEGY), Z_OK);
	z.next_in = (Bytef *)text;
	z.avail_in = (uInt)strlen(text);
	z.next_out = out;
	z.avail_out = (uInt)room;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	size_t n = room - z.avail_out;
	deflateEnd(&z);
	return n;
}

static const char plain[] = "The quick brown fox jumps over the lazy dog, again and again and again.";

static void check_coding(const char *coding, const void *body, size_t n, size_t step)
{
	struct fixture x;
	setup(&x, NULL);
	char head[256];
	snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Encoding: %s\r\nContent-Length: %zu\r\n\r\n", coding, n);
	feed_text(&x, TO_SERVER, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", step);
	feed_text(&x, TO_CLIENT, head, step);
	feed(&x, TO_CLIENT, body, n, step);
	assert_buffer(&x, tx_number(&x, 0), TO_CLIENT, "http.response_body", plain);
	teardown(&x);
}

/* Each form under each name, whole and in pieces: the bytes decide. */
static void codings(void **state)
{
	static const int windows[] = {15 + 16, 15, -15};
	static const char *const names[] = {"gzip", "deflate", "x-gzip", "GZIP "};
	uint8_t body[512];
	for (size_t w = 0; w < 3; w++) {
		size_t n = deflated(plain, windows[w], body, sizeof body);
		for (size_t i = 0; i < 4; i++) {
			check_coding(names[i], body, n, SIZE_MAX / 2);
			check_coding(names[i], body, n, 1);
		}
	}
	check_coding("identity", plain, sizeof plain - 1, 5);
	check_coding("gzip", plain, sizeof plain - 1, 5); /* it is not: comes through as it is */
}

static void two_layers(void **state)
{
	uint8_t once[512], twice[512];
	size_t n = deflated(plain, 31, once, sizeof once);
	z_stream z = {0};
	assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 15, 8, Z_DEFAULT_STRATEGY), Z_OK);
	z.next_in = once;
	z.avail_in = (uInt)n;
	z.next_out = twice;
	z.avail_out = sizeof twice;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	n = sizeof twice - z.avail_out;
	deflateEnd(&z);
	check_coding("gzip, deflate", twice, n, SIZE_MAX / 2);
	check_coding("gzip, deflate", twice, n, 3);
}

static void body_limit(void **state)
{
	static const char *const set[] = {"app-layer.protocols.http.libhtp.default-config.response-body-limit=10", NULL};
	struct fixture x;
	setup(&x, set);
	feed_text(&x, TO_SERVER, "GET /file.bin HTTP/1.1\r\nHost: a\r\n\r\n", 9);
	feed_text(&x, TO_CLIENT, "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n01234567890123456789", 3);
	struct app_tx *tx = tx_number(&x, 0);
	assert_buffer(&x, tx, TO_CLIENT, "file.data", "0123456789");
	assert_int_equal(tx->files[TO_CLIENT]->state, FILE_TRUNCATED);
	teardown(&x);
}

/* Bodies and headers count against the memcap; a flow that goes beyond it is parsed no more and lets go of what it held. */
static void memcap(void **state)
{
	static const char *const set[] = {"app-layer.protocols.http.memcap=64kb", "app-layer.protocols.http.libhtp.default-config.request-body-limit=0", NULL};
	static const char *const begin[] = {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\nX-Long: "};
	static char more[1000];
	struct fixture x;
	memset(more, 'x', sizeof more);
	for (size_t i = 0; i < 2; i++) {
		setup(&x, set);
		feed_text(&x, TO_SERVER, begin[i], 100);
		uint64_t most = 0;
		for (unsigned n = 0; n < 190 && !x.flow.app->memcap; n++) {
			feed(&x, TO_SERVER, i ? "\r\nX-Long: " : "", i ? 10 : 0, 10);
			feed(&x, TO_SERVER, more, sizeof more, sizeof more);
			most = x.worker.memuse > most ? x.worker.memuse : most;
		}
		assert_true(x.flow.app->memcap);
		assert_true(x.flow.app->error[TO_SERVER] && x.flow.app->error[TO_CLIENT]);
		assert_true(most > 32 << 10 && most <= 128 << 10);
		assert_int_equal(x.counters.value[COUNTER_HTTP_MEMUSE], x.worker.memuse);
		assert_int_equal(x.counters.value[COUNTER_HTTP_MEMCAP], 64 << 10);
		app_transactions_prune(&x.worker, &x.flow, false);
		assert_int_equal(x.worker.memuse, 0);
		teardown(&x);
	}
	(void)state;
}

/* Both directions have ended: nothing is held, though the flow goes on to its timeout. */
static void ended_is_let_go(void **state)
{
	struct fixture x;
	bool stop;
	setup(&x, NULL);
	feed_text(&x, TO_SERVER, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", 100);
	feed_text(&x, TO_CLIENT, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab", 100);
	for (int d = 0; d < 2; d++) {
		struct app_input end = {.eof = true};
		assert_true(x.worker.memuse > 0);
		app_stream_input(&x.worker, &x.flow, d, &end, &stop);
		app_transactions_prune(&x.worker, &x.flow, false);
	}
	assert_int_equal(x.worker.memuse, 0);
	assert_null(x.flow.app->state);
	teardown(&x);
	(void)state;
}

/* Below the minimal size nothing is shown until the body ends. */
static void inspect_window(void **state)
{
	static const char *const set[] = {
		"app-layer.protocols.http.libhtp.default-config.response-body-limit=1000",
		"app-layer.protocols.http.libhtp.default-config.response-body-minimal-inspect-size=8",
		"app-layer.protocols.http.libhtp.default-config.response-body-inspect-window=4", NULL,
	};
	struct fixture x;
	struct app_view v;
	setup(&x, set);
	feed_text(&x, TO_SERVER, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", 100);
	feed_text(&x, TO_CLIENT, "HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\n01234", 100);
	struct app_tx *tx = tx_number(&x, 0);
	assert_false(get(&x, tx, TO_CLIENT, "file.data", 0, &v));
	feed_text(&x, TO_CLIENT, "56789", 100);
	assert_true(get(&x, tx, TO_CLIENT, "file.data", 0, &v));
	assert_int_equal(v.data.len, 10);
	assert_true(v.start && !v.end);
	app_http.tx_inspected(x.flow.app, tx, TO_CLIENT);
	feed_text(&x, TO_CLIENT, "abcdefghij", 100);
	assert_true(get(&x, tx, TO_CLIENT, "file.data", 0, &v));
	assert_true(bytes_equal(v.data, BYTES_LITERAL("6789abcdefghij")));
	assert_int_equal(v.offset, 6);
	assert_false(v.start || v.end);
	teardown(&x);
}

static void form_with_file(void **state)
{
	static const char body[] = "--XX\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--XX\r\n"
				   "Content-Disposition: form-data; name=\"f\"; filename=\"evil.txt\"\r\nContent-Type: text/plain\r\n\r\n"
				   "line\r\n--X almost\r\n--XX--\r\n";
	for (size_t step = 1; step < 200; step += 33) {
		struct fixture x;
		struct app_view v;
		char head[256];
		setup(&x, NULL);
		snprintf(head, sizeof head, "POST /up HTTP/1.1\r\nHost: a\r\nContent-Type: multipart/form-data; boundary=XX\r\nContent-Length: %zu\r\n\r\n",
			 sizeof body - 1);
		feed_text(&x, TO_SERVER, head, step);
		feed_text(&x, TO_SERVER, body, step);
		struct app_tx *tx = tx_number(&x, 0);
		assert_true(get(&x, tx, TO_SERVER, "file.name", 0, &v));
		assert_true(bytes_equal(v.data, BYTES_LITERAL("evil.txt")));
		assert_false(get(&x, tx, TO_SERVER, "file.name", 1, &v));
		assert_true(get(&x, tx, TO_SERVER, "file.data", 0, &v));
		assert_true(bytes_equal(v.data, BYTES_LITERAL("line\r\n--X almost")));
		assert_int_equal(tx->files[TO_SERVER]->state, FILE_CLOSED);
		assert_int_equal(tx->n_events, 0);
		teardown(&x);
	}
}

/* An empty file among others hides none of them. */
static void form_with_empty_file(void **state)
{
#define PART(name) "Content-Disposition: form-data; name=\"f\"; filename=\"" name "\"\r\n\r\n"
	static const char body[] = "--XX\r\n" PART("a") "one\r\n--XX\r\n" PART("b") "\r\n--XX\r\n" PART("c") "three\r\n--XX--\r\n";
	struct fixture x;
	struct app_view v;
	char head[256];
	setup(&x, NULL);
	snprintf(head, sizeof head, "POST /up HTTP/1.1\r\nHost: a\r\nContent-Type: multipart/form-data; boundary=XX\r\nContent-Length: %zu\r\n\r\n",
		 sizeof body - 1);
	feed_text(&x, TO_SERVER, head, 100);
	feed_text(&x, TO_SERVER, body, 100);
	struct app_tx *tx = tx_number(&x, 0);
	assert_true(get(&x, tx, TO_SERVER, "file.data", 0, &v));
	assert_true(bytes_equal(v.data, BYTES_LITERAL("one")));
	assert_true(get(&x, tx, TO_SERVER, "file.data", 1, &v));
	assert_true(bytes_equal(v.data, BYTES_LITERAL("three")));
	assert_false(get(&x, tx, TO_SERVER, "file.data", 2, &v));
	assert_true(get(&x, tx, TO_SERVER, "file.name", 2, &v));
	assert_true(bytes_equal(v.data, BYTES_LITERAL("c")));
	teardown(&x);
	(void)state;
}

static void events(void **state)
{
	struct fixture x;
	setup(&x, NULL);
	feed_text(&x, TO_SERVER, "GET / HTTP/1.1\r\nno colon here\r\n\r\n", 100);
	assert_true(has_event(tx_number(&x, 0), "request_field_missing_colon"));
	assert_true(has_event(tx_number(&x, 0), "missing_host_header"));
	feed_text(&x, TO_CLIENT, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 100);
	assert_true(has_event(tx_number(&x, 0), "invalid_response_chunk_len"));
	teardown(&x);
}

static void disposition(void **state)
{
	struct bytes name;
	assert_true(http_disposition_filename(bytes_of_string("attachment; filename=\"a b.txt\"; x=1"), &name));
	assert_true(bytes_equal(name, BYTES_LITERAL("a b.txt")));
	assert_true(http_disposition_filename(bytes_of_string("attachment;filename=c.exe;x"), &name));
	assert_true(bytes_equal(name, BYTES_LITERAL("c.exe")));
	assert_false(http_disposition_filename(bytes_of_string("attachment; filename"), &name));
	assert_false(http_disposition_filename(bytes_of_string("inline"), &name));
}

static void ranges(void **state)
{
	struct http_range r;
	assert_true(http_content_range(bytes_of_string("bytes 5-9/100"), &r));
	assert_true(r.start == 5 && r.end == 9 && r.size == 100);
	assert_true(http_content_range(bytes_of_string("bytes 5-9/*"), &r));
	assert_true(r.size == -1);
	assert_false(http_content_range(bytes_of_string("bytes five"), &r));
	assert_false(http_content_range(bytes_of_string("bytes 99999999999999999999-1/2"), &r));
}

static void changes_protocol(void **state)
{
	struct fixture x;
	setup(&x, NULL);
	feed_text(&x, TO_SERVER, "CONNECT a.b:443 HTTP/1.1\r\nHost: a.b:443\r\n\r\n", 100);
	feed_text(&x, TO_CLIENT, "HTTP/1.1 200 Connected\r\n\r\n", 100);
	assert_true(x.flow.app->changing);
	feed_text(&x, TO_SERVER, "SSH-2.0-inside\r\n", 100);
	assert_string_equal(app_flow_name(x.flow.app), "ssh");
	assert_ptr_equal(x.flow.app->original, &app_http);
	teardown(&x);
}

/* The length is that of the body on the wire: 29 bytes with the chunks' heads. */
static void eve(void **state)
{
	struct fixture x;
	struct buffer out = {0};
	struct app_log_options o = {.http.extended = true};
	setup(&x, NULL);
	feed_text(&x, TO_SERVER, request, 100);
	feed_text(&x, TO_CLIENT, response, 100);
	struct json j = json_into(&out);
	json_open(&j, NULL);
	assert_true(app_http.loggers[0].log(&j, x.flow.app, tx_number(&x, 0), TO_CLIENT, &o));
	json_close(&j);
	assert_string_equal(buffer_string(&out), "{\"http\":{\"hostname\":\"ExAmple.com\",\"http_port\":8080,\"url\":\"/a/../B/%63?q=%41+1#f\","
						 "\"http_user_agent\":\"Tester/1\",\"http_content_type\":\"text/html\",\"http_method\":\"POST\","
						 "\"protocol\":\"HTTP/1.1\",\"status\":200,\"length\":29}}");
	buffer_free(&out);
	teardown(&x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exchange_whole), cmocka_unit_test(exchange_by_bytes), cmocka_unit_test(pipelined), cmocka_unit_test(more_than_max_tx), cmocka_unit_test(codings),
		cmocka_unit_test(two_layers), cmocka_unit_test(body_limit), cmocka_unit_test(memcap), cmocka_unit_test(ended_is_let_go), cmocka_unit_test(inspect_window), cmocka_unit_test(form_with_file), cmocka_unit_test(form_with_empty_file),
		cmocka_unit_test(events), cmocka_unit_test(disposition), cmocka_unit_test(ranges), cmocka_unit_test(changes_protocol),
		cmocka_unit_test(eve),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
