// SPDX-License-Identifier: GPL-2.0-or-later
/* Capture files made here byte by byte, of every form that is read; cut short, empty, no captures; a filter. */
#include "capture/capture.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

struct seen {
	unsigned n;
	usec_t time[100];
	size_t len[100];
	uint64_t number[100];
	int link_type;
	uint8_t first;
};

static struct capture_verdict note(void *context, const struct frame *f)
{
	struct seen *s = context;
	if (s->n < 100) {
		s->time[s->n] = f->time;
		s->len[s->n] = f->bytes.len;
		s->number[s->n] = f->number;
	}
	s->n++;
	s->link_type = f->link_type;
	s->first = f->bytes.len ? f->bytes.data[0] : 0;
	return (struct capture_verdict){.verdict = VERDICT_ACCEPT};
}

static char path[64];

static void put_file(const void *data, size_t len)
{
	strcpy(path, "/tmp/sluice-capture-XXXXXX");
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, len), (ssize_t)len);
	close(fd);
}

static int read_all(const char *bpf, struct seen *s, struct error *error)
{
	int code = 0, rc;
	memset(s, 0, sizeof *s);
	struct capture *c = capture_file_open(path, bpf, &code, error);
	unlink(path);
	if (!c)
		return code;
	while ((rc = c->ops->read(c, -1, note, s, error)) > 0)
		;
	int again = c->ops->read(c, -1, note, s, error);
	assert_int_equal(again, -ENODATA);
	struct capture_stats stats;
	c->ops->stats(c, &stats);
	assert_int_equal(stats.received, s->n);
	c->ops->close(c);
	return rc;
}

#define LE_HEADER "\2\0\4\0" "\0\0\0\0\0\0\0\0\xff\xff\0\0\x65\0\0\0" /* version 2.4, snapshot length, link type 101 */
#define LE_RECORD "\x10\0\0\0\7\0\0\0\3\0\0\0\5\0\0\0" "abc" /* 16.000007 s, three of five bytes */

static void test_micro(void **state)
{
	struct seen s;
	struct error error = {0};
	static const char file[] = "\xd4\xc3\xb2\xa1" LE_HEADER LE_RECORD LE_RECORD;
	put_file(file, sizeof file - 1);
	assert_int_equal(read_all(NULL, &s, &error), -ENODATA);
	assert_int_equal(s.n, 2);
	assert_int_equal(s.time[0], 16000007);
	assert_int_equal(s.len[1], 3);
	assert_int_equal(s.number[0], 1);
	assert_int_equal(s.number[1], 2);
	assert_int_equal(s.link_type, 12); /* LINKTYPE_RAW is DLT_RAW here */
	assert_int_equal(s.first, 'a');
}

static void test_nano_big_endian(void **state)
{
	struct seen s;
	struct error error = {0};
	static const char file[] = "\xa1\xb2\x3c\x4d" "\0\2\0\4\0\0\0\0\0\0\0\0\0\0\xff\xff\0\0\0\1" "\0\0\0\x10\0\0\x1b\x58\0\0\0\3\0\0\0\3" "xyz"; /* 7,000 ns */
	put_file(file, sizeof file - 1);
	assert_int_equal(read_all("", &s, &error), -ENODATA);
	assert_int_equal(s.n, 1);
	assert_int_equal(s.time[0], 16000007);
	assert_int_equal(s.link_type, 1);
}

static void test_pcapng(void **state)
{
	struct seen s;
	struct error error = {0};
	/* section header, interface (Ethernet), enhanced packet at 16.000007 s */
	static const char file[] = "\x0a\x0d\x0d\x0a\x1c\0\0\0\x4d\x3c\x2b\x1a\1\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff\x1c\0\0\0"
				   "\1\0\0\0\x14\0\0\0\1\0\0\0\0\0\4\0\x14\0\0\0"
				   "\6\0\0\0\x24\0\0\0\0\0\0\0\0\0\0\0\7\x24\xf4\0\3\0\0\0\3\0\0\0" "xyz\0" "\x24\0\0\0";
	put_file(file, sizeof file - 1);
	assert_int_equal(read_all(NULL, &s, &error), -ENODATA);
	assert_int_equal(s.n, 1);
	assert_int_equal(s.time[0], 16000007);
	assert_int_equal(s.len[0], 3);
}

/* What is whole comes, then one report with the place where it breaks off: behind the header (24) and one record (19). */
static void test_cut(void **state)
{
	struct seen s;
	struct error error = {0};
	static const char file[] = "\xd4\xc3\xb2\xa1" LE_HEADER LE_RECORD LE_RECORD;
	for (size_t cut = 1; cut < 19; cut++) {
		put_file(file, sizeof file - 1 - cut);
		assert_int_equal(read_all(NULL, &s, &error), -EBADMSG);
		assert_int_equal(s.n, 1);
		assert_non_null(strstr(error.text, "at byte 43"));
	}
}

static void test_many(void **state)
{
	struct seen s;
	struct error error = {0};
	static uint8_t file[24 + 99 * 19 + 5];
	memcpy(file, "\xd4\xc3\xb2\xa1" LE_HEADER, 24);
	for (size_t i = 0; i < 99; i++)
		memcpy(file + 24 + i * 19, LE_RECORD, 19);
	put_file(file, sizeof file - 5); /* more than one batch */
	assert_int_equal(read_all(NULL, &s, &error), -ENODATA);
	assert_int_equal(s.n, 99);
	assert_int_equal(s.number[98], 99);
	put_file(file, sizeof file);
	assert_int_equal(read_all(NULL, &s, &error), -EBADMSG);
	assert_int_equal(s.n, 99);
}

/* Larger than what is read at once: records lie across the pieces. */
static void test_long(void **state)
{
	enum { N = 60, LEN = 30011 };
	struct seen s;
	struct error error = {0};
	static uint8_t file[24 + N * (16 + LEN)];
	memcpy(file, "\xd4\xc3\xb2\xa1" LE_HEADER, 24);
	for (size_t i = 0; i < N; i++) {
		uint8_t *at = file + 24 + i * (16 + LEN);
		memcpy(at, "\x10\0\0\0\0\0\0\0\x3b\x75\0\0\x3b\x75\0\0", 16); /* 30,011 bytes */
		at[4] = (uint8_t)i;
		memset(at + 16, (int)i, LEN);
	}
	put_file(file, sizeof file);
	assert_int_equal(read_all(NULL, &s, &error), -ENODATA);
	assert_int_equal(s.n, N);
	assert_int_equal(s.first, N - 1);
	for (unsigned i = 0; i < N; i++) {
		assert_int_equal(s.time[i], 16000000 + i);
		assert_int_equal(s.len[i], LEN);
	}
	put_file(file, sizeof file - LEN - 1); /* within the last record's header */
	assert_int_equal(read_all(NULL, &s, &error), -EBADMSG);
	assert_int_equal(s.n, N - 1);
}

static void test_no_capture(void **state)
{
	struct seen s;
	struct error error = {0};
	put_file("", 0);
	assert_int_equal(read_all(NULL, &s, &error), -EINVAL);
	put_file("this is no capture at all, but text", 35);
	assert_int_equal(read_all(NULL, &s, &error), -EINVAL);
	assert_non_null(strstr(error.text, path));
	strcpy(path, "/nonexistent/file.pcap");
	assert_int_equal(read_all(NULL, &s, &error), -ENOENT);
	assert_non_null(strstr(error.text, "No such file"));
	int code = 0;
	assert_null(capture_file_open("/", NULL, &code, &error));
	assert_int_equal(code, -EISDIR);
}

static void test_filter(void **state)
{
	struct seen s;
	struct error error = {0};
	static const char file[] = "\xd4\xc3\xb2\xa1" LE_HEADER
				   "\x10\0\0\0\7\0\0\0\x14\0\0\0\x14\0\0\0" "\x45\0\0\x14\0\0\0\0\x40\6\0\0\x0a\0\0\1\x0a\0\0\2"
				   "\x10\0\0\0\7\0\0\0\x14\0\0\0\x14\0\0\0" "\x45\0\0\x14\0\0\0\0\x40\x11\0\0\x0a\0\0\1\x0a\0\0\2";
	put_file(file, sizeof file - 1);
	assert_int_equal(read_all("udp", &s, &error), -ENODATA);
	assert_int_equal(s.n, 1);
	put_file(file, sizeof file - 1);
	assert_int_equal(read_all("no such filter", &s, &error), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_micro), cmocka_unit_test(test_nano_big_endian), cmocka_unit_test(test_pcapng), cmocka_unit_test(test_cut),
		cmocka_unit_test(test_many), cmocka_unit_test(test_long), cmocka_unit_test(test_no_capture), cmocka_unit_test(test_filter),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
