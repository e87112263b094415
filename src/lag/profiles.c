// SPDX-License-Identifier: GPL-2.0-or-later
/* Known lines. Where a source gives a round trip, half of it is put on each way. */
#include "lag/line.h"

#define WEBPAGETEST "WebPageTest, connectivity profiles"

const struct profile lag_profiles[] = {
	{"2g", "mobile network of the second generation", WEBPAGETEST, {"delay", "400ms", "rate", "256kbit"}, {"delay", "400ms", "rate", "280kbit"}},
	{"3g", "mobile network of the third generation", WEBPAGETEST, {"delay", "150ms", "rate", "768kbit"}, {"delay", "150ms", "rate", "1600kbit"}},
	{"3g-slow", "the same, at the edge of its cell", WEBPAGETEST, {"delay", "200ms", "rate", "400kbit"}, {"delay", "200ms", "rate", "400kbit"}},
	{"4g", "mobile network of the fourth generation", WEBPAGETEST, {"delay", "85ms", "rate", "9mbit"}, {"delay", "85ms", "rate", "9mbit"}},
	{"lte", "the same, close to its mast", WEBPAGETEST, {"delay", "35ms", "rate", "12mbit"}, {"delay", "35ms", "rate", "12mbit"}},
	{"dsl", "telephone line", WEBPAGETEST, {"delay", "25ms", "rate", "384kbit"}, {"delay", "25ms", "rate", "1500kbit"}},
	{"cable", "cable television's network", WEBPAGETEST, {"delay", "14ms", "rate", "1mbit"}, {"delay", "14ms", "rate", "5mbit"}},
	{"dial-up", "modem", WEBPAGETEST, {"delay", "60ms", "rate", "30kbit"}, {"delay", "60ms", "rate", "49kbit"}},
	{"satellite", "geostationary satellite: up and down again on each way", "RFC 2488, section 2: 239.6 to 279.0 ms one way",
	 {"delay", "260ms", "jitter", "10ms", "rate", "2mbit"}, {"delay", "260ms", "jitter", "10ms", "rate", "10mbit"}},
	{"intercontinental", "half around the world", "17,000 km of fibre at 5 µs a kilometre (ITU-T G.114, table A.1)", {"delay", "85ms", "jitter", "1ms"}, {0}},
	{"bad-wifi", "wireless network with disturbances: losses in bursts of four packets", "own choice of the Gilbert-Elliott model: 2 % of all packets",
	 {"delay", "10ms", "jitter", "10ms", "burst-loss", "0.5%,25%"}, {0}},
	{"bufferbloat", "a slow uplink behind a queue of two seconds", "Gettys and Nichols, Bufferbloat: Dark Buffers in the Internet (ACM Queue 9, 2011)",
	 {"rate", "1mbit", "limit", "170"}, {0}},
};
const unsigned lag_n_profiles = sizeof lag_profiles / sizeof *lag_profiles;
