// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "daemon/nat.h"

static const struct address client = {4, {10, 0, 0, 7}}, public = {4, {203, 0, 113, 1}}, gateway = {4, {10, 0, 0, 1}}, server = {4, {10, 0, 0, 5}};

/* A hairpin: the client calls the public address, the server sees the gateway. In forward a request goes from client to server. */
static struct nat_view hairpin(void)
{
	return (struct nat_view){.original = {client, public, 40000, 8080, 6}, .reply = {server, gateway, 80, 61000, 6}};
}

static void assert_names(const struct nat_view *v, enum reject_to to, const struct address *src, uint16_t sport, const struct address *dst, uint16_t dport)
{
	struct reject_names n;
	assert_true(nat_names(v, to, &n));
	assert_true(address_equal(&n.src, src) && address_equal(&n.dst, dst));
	assert_int_equal(n.sport, sport);
	assert_int_equal(n.dport, dport);
}

static void ends_know_a_packet_by_other_names(void **state)
{
	(void)state;
	struct nat_view v = hairpin();
	assert_names(&v, REJECT_TO_SOURCE, &client, 40000, &public, 8080);
	assert_names(&v, REJECT_TO_DESTINATION, &gateway, 61000, &server, 80);
	v.answer = true; /* from the server to the client */
	assert_names(&v, REJECT_TO_SOURCE, &server, 80, &gateway, 61000);
	assert_names(&v, REJECT_TO_DESTINATION, &public, 8080, &client, 40000);
}

static void what_the_kernel_translates_stays(void **state)
{
	(void)state;
	struct reject_names n;
	struct nat_view v = hairpin();
	v.translated = true;
	assert_false(nat_names(&v, REJECT_TO_SOURCE, &n));
	/* the first packet: nobody knows yet as whom the server will see the client */
	v = hairpin();
	v.reply = (struct conntrack_tuple){0};
	assert_names(&v, REJECT_TO_SOURCE, &client, 40000, &public, 8080);
	assert_false(nat_names(&v, REJECT_TO_DESTINATION, &n));
}

static void destination_is_the_one_before_nat(void **state)
{
	(void)state;
	struct nat_view v = hairpin();
	struct address a = nat_destination(&v);
	assert_true(address_equal(&a, &public));
	v.answer = true;
	a = nat_destination(&v);
	assert_true(address_equal(&a, &client));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ends_know_a_packet_by_other_names),
		cmocka_unit_test(what_the_kernel_translates_stays),
		cmocka_unit_test(destination_is_the_one_before_nat),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
