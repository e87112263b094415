// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "capture/nfqueue.h"

/* The versions of the advisory: 6.11 to 6.12.74, 6.13 to 6.18.13, 6.19 to 6.19.3. */
static void kernels_that_drop_merged_datagrams(void **state)
{
	(void)state;
	static const char *const bad[] = {"6.11.0", "6.11.11-amd64", "6.12.74+deb13", "6.12", "6.13.1", "6.17.9", "6.18.13", "6.19.3-rc1"};
	static const char *const good[] = {"6.1.0-56-cloud-amd64", "6.10.14", "6.12.75", "6.18.14", "6.18.44", "6.19.4", "6.20.0", "7.0.0", "5.12.3", "", "x"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_true(nfqueue_kernel_drops_merged(bad[i]));
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		assert_false(nfqueue_kernel_drops_merged(good[i]));
}

static void options_out_of_range_are_refused(void **state)
{
	(void)state;
	struct error error = {0};
	struct nfqueue_options none = {0}, many = {.n_queues = NFQUEUE_MAX_QUEUES + 1};
	assert_null(capture_nfqueue_open(&none, &error));
	assert_null(capture_nfqueue_open(&many, &error));
	assert_true(*error.text);
}

/* linux/netfilter/nfnetlink_queue.h: header, family, then attributes; here a packet header (number 7) and a mark. */
static void messages_that_are_cut(void **state)
{
	(void)state;
	static const uint8_t whole[] __attribute__((aligned(4))) = {
		40, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 11, 0, 1, 0, 0, 0, 0, 7, 8, 0, 2, 0, 8, 0, 3, 0, 0, 0, 0, 5,
	};
	struct nfqueue_message m;
	assert_int_equal(nfqueue_message_read(whole, sizeof whole, &m), NFQUEUE_PACKET);
	assert_int_equal(m.id, 7);
	assert_int_equal(m.mark, 5);
	for (size_t len = 0; len < sizeof whole; len++) {
		uint8_t cut[sizeof whole] __attribute__((aligned(4)));
		for (size_t i = 0; i < sizeof whole; i++)
			cut[i] = whole[i];
		assert_int_equal(nfqueue_message_read(cut, len, &m), NFQUEUE_MALFORMED); /* it says it is longer than it is */
		cut[0] = (uint8_t)len;
		enum nfqueue_kind kind = nfqueue_message_read(cut, len, &m);
		assert_int_equal(kind, len < 31 ? NFQUEUE_MALFORMED : NFQUEUE_PACKET); /* the header ends at 31 */
		assert_int_equal(m.mark, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kernels_that_drop_merged_datagrams),
		cmocka_unit_test(messages_that_are_cut),
		cmocka_unit_test(options_out_of_range_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
