/* test_netaddr.c - which addresses a tenant's document may make us talk to; pauses. */
#include "unit.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "../../fcgi/http.h"
#include "../../fcgi/netaddr.h"

static struct sockaddr *
address(const char *text)
{
	static struct sockaddr_in6 six;
	static struct sockaddr_in four;

	four = (struct sockaddr_in){.sin_family = AF_INET};
	six = (struct sockaddr_in6){.sin6_family = AF_INET6};
	if (inet_pton(AF_INET, text, &four.sin_addr) == 1)
		return (struct sockaddr *)(void *)&four;
	assert_int_equal(inet_pton(AF_INET6, text, &six.sin6_addr), 1);
	return (struct sockaddr *)(void *)&six;
}

static void
only_public_addresses_are_public(void **state)
{
	static const struct {
		const char *text;
		bool is_public;
	} t[] = {
	    {"93.184.216.34", true}, {"1.1.1.1", true}, {"223.255.255.254", true},
	    {"100.63.255.255", true}, {"172.32.0.1", true}, {"2606:4700::1", true},
	    {"2a00:1450:4001::1", true}, {"64:ff9b::808:808", true}, {"2002:101:101::1", true},
	    {"::ffff:1.1.1.1", true},
	    {"0.0.0.0", false}, {"127.0.0.1", false}, {"127.255.255.255", false},
	    {"10.0.0.1", false}, {"172.16.0.1", false}, {"172.31.255.255", false},
	    {"192.168.1.1", false}, {"169.254.169.254", false}, {"100.64.0.1", false},
	    {"100.127.255.255", false}, {"192.0.0.1", false}, {"192.0.2.1", false},
	    {"198.18.0.1", false}, {"198.51.100.1", false}, {"203.0.113.9", false},
	    {"224.0.0.1", false}, {"255.255.255.255", false}, {"240.0.0.1", false},
	    {"::", false}, {"::1", false}, {"::127.0.0.1", false}, {"::ffff:10.0.0.1", false},
	    {"::ffff:127.0.0.1", false}, {"::ffff:169.254.169.254", false}, {"fe80::1", false},
	    {"fc00::1", false}, {"fd12::1", false}, {"fec0::1", false}, {"ff02::1", false},
	    {"2001:db8::1", false}, {"2001::1", false}, {"64:ff9b::a00:1", false},
	    {"64:ff9b:1::1", false}, {"2002:a00:1::1", false}, {"2002:7f00:1::", false},
	    {"fd00:ec2::254", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++)
		if (netaddr_is_public(address(t[i].text)) != t[i].is_public)
			fail_msg("%s", t[i].text);
}

static void
the_operator_may_allow_others(void **state)
{
	static const struct {
		const char *text;
		bool allowed;
	} t[] = {{"10.1.2.3", true}, {"11.0.0.1", true}, {"192.168.7.7", true},
	    {"192.168.7.8", false}, {"fd00::5", true}, {"fe80::1", false}, {"127.0.0.1", false},
	    {"::ffff:10.1.2.3", true}, {"172.20.128.1", false}, {"172.20.127.1", true}};
	struct netaddr_list l;
	struct err e;

	(void)state;
	assert_ok(netaddr_list_parse(&l, " 10.0.0.0/8,192.168.7.7  fd00::/8 172.20.0.0/17", &e), &e);
	assert_int_equal(l.count, 4);
	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++)
		if (netaddr_is_allowed(address(t[i].text), &l) != t[i].allowed)
			fail_msg("%s", t[i].text);
	assert_ok(netaddr_list_parse(&l, "", &e), &e);
	assert_false(netaddr_is_allowed(address("10.1.2.3"), &l));
	assert_ok(netaddr_list_parse(&l, "0.0.0.0/0", &e), &e);
	assert_true(netaddr_is_allowed(address("127.0.0.1"), &l));
	assert_false(netaddr_is_allowed(address("::1"), &l));
}

static void
what_is_no_network_is_refused(void **state)
{
	static const char *const bad[] = {"10.0.0.0/33", "10.0.0", "x", "10.0.0.0/", "fd00::/129",
	    "10.0.0.0/-1", "10.0.0.0/8x", "1.2.3.4/8/8", "localhost", "0x7f000001", "127.1"};
	struct netaddr_list l;
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_refused(netaddr_list_parse(&l, bad[i], &e), &e, ERR_CONFIG);
}

static void
pauses_grow_with_jitter_up_to_a_bound(void **state)
{
	int64_t pause = 0, highest = 0;

	(void)state;
	assert_int_equal(http_pause_ms(0, 0), HTTP_PAUSE_BASE_MS);
	assert_int_equal(http_pause_ms(1000, 0), HTTP_PAUSE_BASE_MS);
	for (uint32_t i = 1; i < 2000; i++) {
		int64_t next = http_pause_ms(pause, i * 2654435761u);
		assert_in_range(next, HTTP_PAUSE_BASE_MS, HTTP_PAUSE_MAX_MS);
		assert_true(pause == 0 || next <= 3 * pause || next <= HTTP_PAUSE_BASE_MS + 1);
		pause = next;
		highest = next > highest ? next : highest;
	}
	assert_true(highest > HTTP_PAUSE_MAX_MS / 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(only_public_addresses_are_public),
	    cmocka_unit_test(the_operator_may_allow_others),
	    cmocka_unit_test(what_is_no_network_is_refused),
	    cmocka_unit_test(pauses_grow_with_jitter_up_to_a_bound),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
