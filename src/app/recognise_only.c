// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Protocols that are recognised by name and not parsed yet: their flows say what they are, rule headers resolve. A protocol
 * that gets a parser moves to a file of its own.
 */
#include "app/protocols.h"

#define TCP APP_TRANSPORT_TCP
#define UDP APP_TRANSPORT_UDP
#define BOTH (APP_TRANSPORT_TCP | APP_TRANSPORT_UDP)
#define EITHER 2 /* who speaks first */

static const char *const plain_requests[] = {"request_started", "request_complete", NULL};
static const char *const plain_responses[] = {"response_started", "response_complete", NULL};
#define PLAIN_STATES .states = {plain_requests, plain_responses}, .complete = {1, 1}

/* A descriptor without parser: what follows are its patterns and probes. */
#define PROTOCOL(id, text, carried, ...)                                                                                       \
	const struct app_proto app_##id = {                                                                                    \
		.name = text, .setting = text, .transports = carried, .recognise_only = true, .first_dir = EITHER, PLAIN_STATES, __VA_ARGS__}

/* A fixed string at the very beginning. */
#define AT_START(carried, dir, text, n) {.transport = carried, .direction = dir, .bytes = text, .depth = n}
#define AT_START_ANY_CASE(carried, dir, text, n) {.transport = carried, .direction = dir, .bytes = text, .depth = n, .nocase = true}

static bool has(struct bytes b, size_t offset, const char *text)
{
	struct bytes want = bytes_of_string(text);
	return bytes_equal(bytes_slice(b, offset, want.len), want);
}

static enum app_probe_result yes_if(bool condition)
{
	return condition ? PROBE_YES : PROBE_NO;
}

/* Text protocols: the first word. */

static const struct app_pattern ssh_patterns[] = {AT_START(TCP, TO_SERVER, "SSH-", 4), AT_START(TCP, TO_CLIENT, "SSH-", 4)};
PROTOCOL(ssh, "ssh", TCP, .patterns = ssh_patterns, .n_patterns = 2);

static enum app_probe_result banner(struct bytes data, int direction, const struct flow *f, unsigned *swap)
{
	return yes_if(has(data, 0, "220 ") || has(data, 0, "220-"));
}

PROTOCOL(ftp_data, "ftp-data", TCP);

static const struct app_pattern smtp_patterns[] = {
	AT_START_ANY_CASE(TCP, TO_SERVER, "EHLO", 4), AT_START_ANY_CASE(TCP, TO_SERVER, "HELO", 4), AT_START_ANY_CASE(TCP, TO_SERVER, "QUIT", 4),
};
static const struct app_probe smtp_probes[] = {{TCP, "25, 465, 587", TO_CLIENT, 4, 16, banner}};
PROTOCOL(smtp, "smtp", TCP, .patterns = smtp_patterns, .n_patterns = 3, .probes = smtp_probes, .n_probes = 1);

static const struct app_pattern imap_patterns[] = {
	AT_START(TCP, TO_CLIENT, "* OK ", 5), AT_START_ANY_CASE(TCP, TO_SERVER, "1 CAPABILITY", 12), AT_START_ANY_CASE(TCP, TO_SERVER, "A1 CAPABILITY", 13),
};

/* RFC 9051 2.2.1: a tag, a space, a command. */
static enum app_probe_result imap_probe(struct bytes data, int direction, const struct flow *f, unsigned *swap)
{
	size_t i = 0;
	while (i < data.len && i < 16 && data.data[i] > ' ' && data.data[i] < 0x7f)
		i++;
	uint8_t next = i + 1 < data.len ? byte_lower(data.data[i + 1]) : 0;
	return yes_if(i > 0 && i < data.len && data.data[i] == ' ' && next >= 'a' && next <= 'z');
}

static const struct app_probe imap_probes[] = {{TCP, "143", TO_SERVER, 6, 64, imap_probe}};
PROTOCOL(imap, "imap", TCP, .patterns = imap_patterns, .n_patterns = 3, .probes = imap_probes, .n_probes = 1);

#define SIP_METHOD(text, n) AT_START(BOTH, TO_SERVER, text " ", n), AT_START(UDP, TO_CLIENT, text " ", n)
static const struct app_pattern sip_patterns[] = {
	SIP_METHOD("ACK", 4), SIP_METHOD("BYE", 4), SIP_METHOD("CANCEL", 7), SIP_METHOD("INFO", 5), SIP_METHOD("INVITE", 7),
	SIP_METHOD("MESSAGE", 8), SIP_METHOD("NOTIFY", 7), SIP_METHOD("PRACK", 6), SIP_METHOD("PUBLISH", 8), SIP_METHOD("REFER", 6),
	SIP_METHOD("REGISTER", 9), SIP_METHOD("SUBSCRIBE", 10), AT_START(BOTH, TO_SERVER, "SIP/2.0 ", 8), AT_START(BOTH, TO_CLIENT, "SIP/2.0 ", 8),
	AT_START(UDP, TO_SERVER, "OPTIONS ", 8), AT_START(UDP, TO_CLIENT, "OPTIONS ", 8),
};
PROTOCOL(sip, "sip", BOTH, .patterns = sip_patterns, .n_patterns = sizeof sip_patterns / sizeof *sip_patterns);

static enum app_probe_result telnet_probe(struct bytes data, int direction, const struct flow *f, unsigned *swap)
{
	/* RFC 854: IAC, WILL..DONT, an option */
	return yes_if(data.data[0] == 0xff && data.data[1] >= 0xfa && data.data[1] <= 0xfe);
}

static const struct app_probe telnet_probes[] = {{TCP, "23", 2, 3, 16, telnet_probe}};
PROTOCOL(telnet, "telnet", TCP, .probes = telnet_probes, .n_probes = 1);

static const struct app_pattern http2_patterns[] = {AT_START(TCP, TO_SERVER, "PRI * HTTP/2.0|0d 0a|", 16)};
static const char *const http2_names[] = {"http2", "http", NULL};
PROTOCOL(http2, "http2", TCP, .rule_names = http2_names, .patterns = http2_patterns, .n_patterns = 1);
PROTOCOL(doh2, "doh2", TCP);
PROTOCOL(websocket, "websocket", TCP, .direct_change = true);

/* Windows. */

static const struct app_pattern smb_patterns[] = {
	{.transport = TCP, .direction = TO_SERVER, .bytes = "|ff|SMB", .offset = 4, .depth = 8},
	{.transport = TCP, .direction = TO_CLIENT, .bytes = "|ff|SMB", .offset = 4, .depth = 8},
	{.transport = TCP, .direction = TO_SERVER, .bytes = "|fe|SMB", .offset = 4, .depth = 8},
	{.transport = TCP, .direction = TO_CLIENT, .bytes = "|fe|SMB", .offset = 4, .depth = 8},
};

/* RFC 1002 4.3: a NetBIOS session request, or its answer, before the first SMB message. */
static enum app_probe_result netbios_probe(struct bytes data, int direction, const struct flow *f, unsigned *swap)
{
	return yes_if(data.data[0] >= 0x81 && data.data[0] <= 0x85 && data.data[1] == 0);
}

static const struct app_probe smb_probes[] = {{TCP, "139, 445", 2, 4, 16, netbios_probe}};
PROTOCOL(smb, "smb", TCP, .patterns = smb_patterns, .n_patterns = 4, .probes = smb_probes, .n_probes = 1);

/* C706 12.6.3.1: version 5.0, a known type, and a representation of data that exists, as far as they are there. */
static enum app_probe_result dcerpc_tcp_probe(struct bytes data, int direction, const struct flow *f, unsigned *swap)
{
	const uint8_t *p = data.data;
	if (p[0] != 5 || p[1] != 0)
		return PROBE_NO;
	return yes_if(data.len < 6 || (p[2] <= 19 && (p[4] & 0xee) == 0 && p[5] <= 3));
}

/* C706 12.6.1: the connectionless header is 80 bytes, version 4, its packet types end at 10 (19 with connection-oriented ones). */
static enum app_probe_result dcerpc_udp_probe(struct bytes data, int direction, const struct flow *f, unsigned *swap)
{
	const uint8_t *p = data.data;
	return yes_if(p[0] == 4 && p[1] <= 10 && (p[3] & 0xfc) == 0 && (p[4] & 0xee) == 0 && p[5] <= 3);
}

static const struct app_probe dcerpc_probes[] = {{UDP, "", 2, 80, 80, dcerpc_udp_probe}, {TCP, "", 2, 2, 6, dcerpc_tcp_probe}};
PROTOCOL(dcerpc, "dcerpc", BOTH, .probes = dcerpc_probes, .n_probes = 2);

static enum app_probe_result rdp_probe(struct bytes data, int direction, const struct flow *f, unsigned *swap)
{
	/* T.123 TPKT, then an X.224 connection request or confirm */
	const uint8_t *p = data.data;
	return yes_if(p[0] == 3 && p[1] == 0 && load_be16(p + 2) >= 11 && p[5] == (direction == TO_SERVER ? 0xe0 : 0xd0));
}

static const struct app_probe rdp_probes[] = {{TCP, "3389", 2, 7, 7, rdp_probe}};
PROTOCOL(rdp, "rdp", TCP, .probes = rdp_probes, .n_probes = 1);

/* ASN.1 (X.690). Reads tag and length; the length may be of the long form. */
static bool ber_header(struct reader *r, uint8_t *tag, size_t *len)
{
	*tag = reader_u8(r);
	uint8_t first = reader_u8(r);
	*len = first;
	if (first & 0x80) {
		unsigned n = first & 0x7f;
		if (n == 0 || n > 4)
			return false;
		*len = 0;
		while (n--)
			*len = *len << 8 | reader_u8(r);
	}
	return !r->failed;
}

/* RFC 4120 5.10: application tags of the messages; on TCP four bytes of length stand before. */
static enum app_probe_result krb5_probe(struct bytes data, int direction, const struct flow *f, unsigned *swap)
{
	struct reader r = reader_over(data);
	uint8_t tag;
	size_t len;
	if (f->key.proto == PROTO_TCP && reader_u32(&r) >= 0x1000000)
		return PROBE_NO;
	if (!ber_header(&r, &tag, &len) || (tag & 0xe0) != 0x60)
		return PROBE_NO;
	unsigned number = tag & 0x1f;
	if (!(number >= 10 && number <= 16) && number != 20 && number != 21 && number != 22 && number != 25 && number != 30)
		return PROBE_NO;
	size_t inner;
	uint8_t sequence;
	return yes_if(ber_header(&r, &sequence, &inner) && sequence == 0x30);
}

static const struct app_probe krb5_probes[] = {{UDP, "88", 2, 10, 0, krb5_probe}, {TCP, "88", 2, 14, 0, krb5_probe}};
PROTOCOL(krb5, "krb5", BOTH, .probes = krb5_probes, .n_probes = 2);

/* RFC 3416: a sequence that begins with version 0, 1 or 3. */
static enum app_probe_result snmp_probe(struct bytes data, int direction, const struct flow *f, unsigned *swap)
{
	struct reader r = reader_over(data);
	uint8_t tag;
	size_t len;
	if (!ber_header(&r, &tag, &len) || tag != 0x30 || !ber_header(&r, &tag, &len) || tag != 2 || len != 1)
		return PROBE_NO;
	uint8_t version = reader_u8(&r), next = reader_u8(&r);
	return yes_if(!r.failed && ((version <= 1 && next == 4) || (version == 3 && next == 0x30)));
}

static const struct app_probe snmp_probes[] = {{UDP, "161, 162", 2, 7, 0, snmp_probe}};
PROTOCOL(snmp, "snmp", UDP, .probes = snmp_probes, .n_probes = 1);

/* Files, time, boot. */

/* RFC 5531: a call to, or an answer by, program 100003; TCP has a record mark before. */
static enum app_probe_result nfs_probe(struct bytes data, int direction, const struct flow *f, unsigned *swap)
{
	struct reader r = reader_over(data);
	if (f->key.proto == PROTO_TCP)
		reader_skip(&r, 4);
	reader_skip(&r, 4);
	uint32_t type = reader_u32(&r);
	if (direction == TO_CLIENT)
		return yes_if(!r.failed && type == 1 && reader_u32(&r) <= 1);
	uint32_t version = reader_u32(&r), program = reader_u32(&r), program_version = reader_u32(&r);
	return yes_if(!r.failed && type == 0 && version == 2 && program == 100003 && program_version >= 2 && program_version <= 4);
}

static const struct app_probe nfs_probes[] = {{BOTH, "2049", 2, 28, 0, nfs_probe}};
PROTOCOL(nfs, "nfs", BOTH, .probes = nfs_probes, .n_probes = 1);

static enum app_probe_result ntp_probe(struct bytes data, int direction, const struct flow *f, unsigned *swap)
{
	unsigned version = data.data[0] >> 3 & 7, mode = data.data[0] & 7;
	return yes_if(version >= 3 && version <= 4 && mode != 0);
}

static const struct app_probe ntp_probes[] = {{UDP, "123", 2, 48, 0, ntp_probe}};
PROTOCOL(ntp, "ntp", UDP, .probes = ntp_probes, .n_probes = 1);

/* RFC 1350: a read or write request: name and mode, each ended by a zero byte. */
static enum app_probe_result tftp_probe(struct bytes data, int direction, const struct flow *f, unsigned *swap)
{
	uint16_t opcode = load_be16(data.data);
	if (opcode != 1 && opcode != 2)
		return PROBE_NO;
	struct bytes rest = bytes_from(data, 2);
	ptrdiff_t end = bytes_find(rest, bytes_of("", 1), 0);
	return yes_if(end > 0 && bytes_find(rest, bytes_of("", 1), (size_t)end + 1) > end + 1);
}

static const struct app_probe tftp_probes[] = {{UDP, "69", TO_SERVER, 4, 0, tftp_probe}};
PROTOCOL(tftp, "tftp", UDP, .probes = tftp_probes, .n_probes = 1);

static enum app_probe_result dhcp_probe(struct bytes data, int direction, const struct flow *f, unsigned *swap)
{
	return yes_if((data.data[0] == 1 || data.data[0] == 2) && load_be32(data.data + 236) == 0x63825363);
}

static const struct app_probe dhcp_probes[] = {{UDP, "67, 68", 2, 240, 0, dhcp_probe}};
PROTOCOL(dhcp, "dhcp", UDP, .probes = dhcp_probes, .n_probes = 1);

/* RFC 7296 3.1; the length field counts the whole message. */
static enum app_probe_result ike_probe(struct bytes data, int direction, const struct flow *f, unsigned *swap)
{
	const uint8_t *p = data.data;
	unsigned major = p[17] >> 4;
	return yes_if((major == 1 || major == 2) && load_be64(p) != 0 && load_be32(p + 24) == data.len);
}

static const struct app_probe ike_probes[] = {{UDP, "500, 4500", 2, 28, 0, ike_probe}};
PROTOCOL(ike, "ike", UDP, .probes = ike_probes, .n_probes = 1);

#define DHT(text, n) AT_START(UDP, TO_SERVER, text, n), AT_START(UDP, TO_CLIENT, text, n)
static const struct app_pattern dht_patterns[] = {
	DHT("d1:ad2:id20:", 12), DHT("d1:rd2:id20:", 12), DHT("d2:ip", 5), DHT("d1:el", 5),
};
PROTOCOL(bittorrent_dht, "bittorrent-dht", UDP, .patterns = dht_patterns, .n_patterns = 8);

/* RFC 6762: a DNS message, standard query or answer, counts that can fit. */
static enum app_probe_result mdns_probe(struct bytes data, int direction, const struct flow *f, unsigned *swap)
{
	const uint8_t *p = data.data;
	unsigned questions = load_be16(p + 4), answers = load_be16(p + 6);
	return yes_if((p[2] & 0x78) == 0 && questions + answers > 0 && questions + answers < data.len);
}

static const struct app_probe mdns_probes[] = {{UDP, "5353", 2, 12, 0, mdns_probe}};
PROTOCOL(mdns, "mdns", UDP, .probes = mdns_probes, .n_probes = 1);

/* OASIS MQTT 3.1.2: CONNECT carries the protocol's name; the answer is CONNACK. */
static enum app_probe_result mqtt_probe(struct bytes data, int direction, const struct flow *f, unsigned *swap)
{
	if (direction == TO_CLIENT)
		return yes_if(data.data[0] == 0x20 && data.data[1] >= 2 && data.data[1] < 0x80 && data.data[2] <= 1);
	if (data.data[0] != 0x10)
		return PROBE_NO;
	for (size_t at = 2; at <= 5; at++)
		if (bytes_equal(bytes_slice(data, at, 6), BYTES_LITERAL("\0\4MQTT")) ||
		    bytes_equal(bytes_slice(data, at, 8), BYTES_LITERAL("\0\6MQIsdp")))
			return PROBE_YES;
	return PROBE_NO;
}

static const struct app_probe mqtt_probes[] = {{TCP, "1883", 2, 4, 16, mqtt_probe}};
PROTOCOL(mqtt, "mqtt", TCP, .probes = mqtt_probes, .n_probes = 1);

/* Off where the configuration does not turn them on. */

static enum app_probe_result modbus_probe(struct bytes data, int direction, const struct flow *f, unsigned *swap)
{
	return yes_if(load_be16(data.data + 2) == 0);
}

static const struct app_probe modbus_probes[] = {{TCP, "502", 2, 7, 0, modbus_probe}};
PROTOCOL(modbus, "modbus", TCP, .off_by_default = true, .probes = modbus_probes, .n_probes = 1);

static enum app_probe_result dnp3_probe(struct bytes data, int direction, const struct flow *f, unsigned *swap)
{
	return yes_if(data.data[0] == 0x05 && data.data[1] == 0x64);
}

static const struct app_probe dnp3_probes[] = {{TCP, "20000", 2, 10, 0, dnp3_probe}};
PROTOCOL(dnp3, "dnp3", TCP, .off_by_default = true, .probes = dnp3_probes, .n_probes = 1);

static enum app_probe_result enip_probe(struct bytes data, int direction, const struct flow *f, unsigned *swap)
{
	/* little-endian command and length of the encapsulation header */
	unsigned command = data.data[0] | data.data[1] << 8;
	return yes_if(command == 0 || command == 4 || (command >= 0x63 && command <= 0x66) || command == 0x6f || command == 0x70);
}

static const struct app_probe enip_probes[] = {{BOTH, "44818", 2, 24, 0, enip_probe}};
PROTOCOL(enip, "enip", BOTH, .off_by_default = true, .probes = enip_probes, .n_probes = 1);

static enum app_probe_result pgsql_probe(struct bytes data, int direction, const struct flow *f, unsigned *swap)
{
	uint32_t code = load_be32(data.data + 4);
	return yes_if(direction == TO_SERVER && (code == 0x30000 || code == 80877103));
}

static const struct app_probe pgsql_probes[] = {{TCP, "5432", TO_SERVER, 8, 0, pgsql_probe}};
PROTOCOL(pgsql, "pgsql", TCP, .off_by_default = true, .probes = pgsql_probes, .n_probes = 1);
