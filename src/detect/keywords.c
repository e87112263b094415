// SPDX-License-Identifier: GPL-2.0-or-later
/* The table of keywords. Those of application protocols are in their descriptors. */
#include "detect/keywords.h"

#include <pthread.h>

const struct keyword keywords[] = {
	{"msg", NULL, setup_msg, KEYWORD_META | KEYWORD_IP_ONLY_OK | KEYWORD_ONCE, "what the alert says"},
	{"sid", NULL, setup_sid, KEYWORD_META | KEYWORD_IP_ONLY_OK | KEYWORD_ONCE, "number of the rule"},
	{"gid", NULL, setup_gid, KEYWORD_META | KEYWORD_IP_ONLY_OK | KEYWORD_ONCE, "group of the number"},
	{"rev", NULL, setup_rev, KEYWORD_META | KEYWORD_IP_ONLY_OK | KEYWORD_ONCE, "revision of the rule"},
	{"classtype", NULL, setup_classtype, KEYWORD_META | KEYWORD_IP_ONLY_OK | KEYWORD_ONCE, "class, from the classification file"},
	{"priority", NULL, setup_priority, KEYWORD_META | KEYWORD_IP_ONLY_OK | KEYWORD_ONCE, "1 is most severe"},
	{"reference", NULL, setup_reference, KEYWORD_META | KEYWORD_IP_ONLY_OK, "where to read more"},
	{"metadata", NULL, setup_metadata, KEYWORD_META | KEYWORD_IP_ONLY_OK | KEYWORD_OPTIONAL_VALUE, "keys and values for the alert"},
	{"target", NULL, setup_target, KEYWORD_META | KEYWORD_IP_ONLY_OK, "which side is the target: src_ip, dest_ip"},
	{"requires", NULL, setup_requires, KEYWORD_META | KEYWORD_IP_ONLY_OK, "versions, features and keywords without which the rule is left out"},
	{"noalert", NULL, setup_noalert, KEYWORD_META | KEYWORD_IP_ONLY_OK | KEYWORD_NO_VALUE, "match, but say nothing"},
	{"alert", NULL, setup_alert, KEYWORD_META | KEYWORD_IP_ONLY_OK | KEYWORD_NO_VALUE, "say it"},
	{"threshold", NULL, setup_threshold, KEYWORD_IP_ONLY_OK, "how often it alerts"},
	{"detection_filter", NULL, setup_detection_filter, KEYWORD_IP_ONLY_OK, "alerts after so many matches"},
	{"tag", NULL, setup_tag, KEYWORD_IP_ONLY_OK, "log packets that follow"},
	{"prefilter", NULL, setup_prefilter, KEYWORD_META | KEYWORD_NO_VALUE, "use the keyword before it as prefilter"},
	{"config", NULL, setup_config, 0, "changes logging, for rules with the action config"},
	{"content", NULL, setup_content, 0, "bytes to be found"},
	{"uricontent", NULL, setup_uricontent, KEYWORD_LEGACY, "bytes to be found in http.uri"},
	{"nocase", NULL, setup_nocase, KEYWORD_MODIFIER | KEYWORD_NO_VALUE, "in upper and lower case"},
	{"depth", NULL, setup_depth, KEYWORD_MODIFIER, "in the first N bytes"},
	{"offset", NULL, setup_offset, KEYWORD_MODIFIER, "from byte N on"},
	{"distance", NULL, setup_distance, KEYWORD_MODIFIER, "N bytes behind the match before, or further"},
	{"within", NULL, setup_within, KEYWORD_MODIFIER, "within N bytes behind the match before"},
	{"startswith", NULL, setup_startswith, KEYWORD_MODIFIER | KEYWORD_NO_VALUE, "at the start of the buffer"},
	{"endswith", NULL, setup_endswith, KEYWORD_MODIFIER | KEYWORD_NO_VALUE, "at the end of the buffer"},
	{"rawbytes", NULL, setup_rawbytes, KEYWORD_MODIFIER | KEYWORD_NO_VALUE, "for compatibility: changes nothing"},
	{"fast_pattern", NULL, setup_fast_pattern, KEYWORD_MODIFIER | KEYWORD_OPTIONAL_VALUE, "the prefilter looks for this content"},
	{"replace", NULL, setup_replace, 0, "not evaluated"},
	{"pcre", NULL, setup_pcre, 0, "regular expression"},
	{"byte_test", NULL, setup_byte_test, 0, "compares a number in the buffer"},
	{"byte_jump", NULL, setup_byte_jump, 0, "moves on by a number in the buffer"},
	{"byte_extract", NULL, setup_byte_extract, 0, "keeps a number in a variable"},
	{"byte_math", NULL, setup_byte_math, 0, "calculates with a number in the buffer"},
	{"base64_decode", NULL, setup_base64_decode, KEYWORD_OPTIONAL_VALUE, "decodes base64 in the buffer"},
	{"base64_data", NULL, setup_base64_data, KEYWORD_NO_VALUE, "what base64_decode has decoded"},
	{"isdataat", NULL, setup_isdataat, 0, "there are bytes at N"},
	{"bsize", NULL, setup_bsize, 0, "size of a sticky buffer"},
	{"dsize", NULL, setup_dsize, KEYWORD_PACKET, "size of the packet's payload"},
	{"urilen", NULL, setup_urilen, 0, "length of the URI"},
	{"absent", NULL, setup_absent, KEYWORD_OPTIONAL_VALUE, "the buffer is not there"},
	{"entropy", NULL, setup_entropy, 0, "entropy of the buffer"},
	{"pkt_data", NULL, setup_pkt_data, KEYWORD_NO_VALUE, "back to the payload"},
	{"flow", NULL, setup_flow, KEYWORD_ONCE, "direction and state of the flow"},
	{"flowbits", NULL, setup_flowbits, KEYWORD_IP_ONLY_OK, "bits of the flow"},
	{"flowint", NULL, setup_flowint, 0, "numbers of the flow"},
	{"flowvar", NULL, setup_flowvar, 0, "texts of the flow"},
	{"pktvar", NULL, setup_flowvar, 0, "texts of the packet"},
	{"xbits", NULL, setup_xbits, KEYWORD_IP_ONLY_OK, "bits of hosts and pairs of hosts"},
	{"hostbits", NULL, setup_hostbits, KEYWORD_IP_ONLY_OK, "bits of hosts"},
	{"stream_size", NULL, setup_stream_size, KEYWORD_PACKET, "bytes sent in the stream"},
	{"bypass", NULL, setup_bypass, KEYWORD_NO_VALUE, "let the flow go uninspected after the match"},
	{"flow.pkts", NULL, setup_flow_number, KEYWORD_PACKET, "count of the flow"},
	{"flow.pkts_toserver", NULL, setup_flow_number, KEYWORD_PACKET, "count of the flow"},
	{"flow.pkts_toclient", NULL, setup_flow_number, KEYWORD_PACKET, "count of the flow"},
	{"flow.bytes", NULL, setup_flow_number, KEYWORD_PACKET, "count of the flow"},
	{"flow.bytes_toserver", NULL, setup_flow_number, KEYWORD_PACKET, "count of the flow"},
	{"flow.bytes_toclient", NULL, setup_flow_number, KEYWORD_PACKET, "count of the flow"},
	{"flow.age", NULL, setup_flow_age, KEYWORD_PACKET, "seconds since the flow began"},
	{"ttl", NULL, setup_packet_number, KEYWORD_PACKET, "time to live, hop limit"},
	{"tos", NULL, setup_packet_number, KEYWORD_PACKET, "type of service"},
	{"id", NULL, setup_packet_number, KEYWORD_PACKET, "identification of IPv4"},
	{"fragoffset", NULL, setup_packet_number, KEYWORD_PACKET, "offset of the fragment, in units of 8 bytes"},
	{"tcp.seq", "seq", setup_packet_number, KEYWORD_PACKET, "sequence number"},
	{"tcp.ack", "ack", setup_packet_number, KEYWORD_PACKET, "acknowledgement number"},
	{"tcp.window", "window", setup_packet_number, KEYWORD_PACKET, "window of TCP"},
	{"tcp.mss", NULL, setup_packet_number, KEYWORD_PACKET, "maximum segment size"},
	{"tcp.wscale", NULL, setup_packet_number, KEYWORD_PACKET, "window scale"},
	{"itype", NULL, setup_packet_number, KEYWORD_PACKET, "type of ICMP"},
	{"icode", NULL, setup_packet_number, KEYWORD_PACKET, "code of ICMP"},
	{"icmp_id", NULL, setup_packet_number, KEYWORD_PACKET, "identifier of ICMP echo"},
	{"icmp_seq", NULL, setup_packet_number, KEYWORD_PACKET, "sequence number of ICMP echo"},
	{"icmpv6.mtu", NULL, setup_packet_number, KEYWORD_PACKET, "MTU of ICMPv6"},
	{"vlan.layers", NULL, setup_packet_number, KEYWORD_PACKET, "number of VLAN tags"},
	{"vlan.id", NULL, setup_vlan_id, KEYWORD_PACKET, "id of a VLAN"},
	{"tcp.flags", "flags", setup_flags, KEYWORD_PACKET, "flags of TCP"},
	{"ipopts", NULL, setup_ipopts, KEYWORD_PACKET, "options of IPv4"},
	{"ip_proto", NULL, setup_ip_proto, KEYWORD_PACKET, "protocol number"},
	{"sameip", NULL, setup_sameip, KEYWORD_PACKET | KEYWORD_NO_VALUE, "source and destination are the same"},
	{"fragbits", NULL, setup_fragbits, KEYWORD_PACKET, "M, D and R of IPv4"},
	{"ipv4-csum", NULL, setup_csum, KEYWORD_PACKET, "checksum is valid or invalid"},
	{"tcpv4-csum", NULL, setup_csum, KEYWORD_PACKET, "checksum is valid or invalid"},
	{"tcpv6-csum", NULL, setup_csum, KEYWORD_PACKET, "checksum is valid or invalid"},
	{"udpv4-csum", NULL, setup_csum, KEYWORD_PACKET, "checksum is valid or invalid"},
	{"udpv6-csum", NULL, setup_csum, KEYWORD_PACKET, "checksum is valid or invalid"},
	{"icmpv4-csum", NULL, setup_csum, KEYWORD_PACKET, "checksum is valid or invalid"},
	{"icmpv6-csum", NULL, setup_csum, KEYWORD_PACKET, "checksum is valid or invalid"},
	{"decode-event", NULL, setup_decode_event, KEYWORD_PACKET, "event of the decoder"},
	{"engine-event", NULL, setup_decode_event, KEYWORD_PACKET, "event of the decoder"},
	{"stream-event", NULL, setup_stream_event, KEYWORD_PACKET, "event of the TCP engine"},
	{"ipv4.hdr", NULL, setup_header_buffer, KEYWORD_PACKET | KEYWORD_NO_VALUE, "the header's bytes"},
	{"ipv6.hdr", NULL, setup_header_buffer, KEYWORD_PACKET | KEYWORD_NO_VALUE, "the header's bytes"},
	{"tcp.hdr", NULL, setup_header_buffer, KEYWORD_PACKET | KEYWORD_NO_VALUE, "the header's bytes"},
	{"udp.hdr", NULL, setup_header_buffer, KEYWORD_PACKET | KEYWORD_NO_VALUE, "the header's bytes"},
	{"icmpv4.hdr", NULL, setup_header_buffer, KEYWORD_PACKET | KEYWORD_NO_VALUE, "the header's bytes"},
	{"icmpv6.hdr", NULL, setup_header_buffer, KEYWORD_PACKET | KEYWORD_NO_VALUE, "the header's bytes"},
	{"ip.src", NULL, setup_header_buffer, KEYWORD_PACKET | KEYWORD_NO_VALUE, "source address"},
	{"ip.dst", NULL, setup_header_buffer, KEYWORD_PACKET | KEYWORD_NO_VALUE, "destination address"},
	{"geoip", NULL, setup_geoip, KEYWORD_PACKET, "country of an address"},
	{"iprep", NULL, setup_iprep, KEYWORD_IP_ONLY_OK, "reputation of an address"},
	{"http_uri", NULL, setup_legacy_modifier, KEYWORD_MODIFIER | KEYWORD_LEGACY | KEYWORD_NO_VALUE, "the content before is looked for there"},
	{"http_raw_uri", NULL, setup_legacy_modifier, KEYWORD_MODIFIER | KEYWORD_LEGACY | KEYWORD_NO_VALUE, "the content before is looked for there"},
	{"http_method", NULL, setup_legacy_modifier, KEYWORD_MODIFIER | KEYWORD_LEGACY | KEYWORD_NO_VALUE, "the content before is looked for there"},
	{"http_header", NULL, setup_legacy_modifier, KEYWORD_MODIFIER | KEYWORD_LEGACY | KEYWORD_NO_VALUE, "the content before is looked for there"},
	{"http_raw_header", NULL, setup_legacy_modifier, KEYWORD_MODIFIER | KEYWORD_LEGACY | KEYWORD_NO_VALUE, "the content before is looked for there"},
	{"http_cookie", NULL, setup_legacy_modifier, KEYWORD_MODIFIER | KEYWORD_LEGACY | KEYWORD_NO_VALUE, "the content before is looked for there"},
	{"http_client_body", NULL, setup_legacy_modifier, KEYWORD_MODIFIER | KEYWORD_LEGACY | KEYWORD_NO_VALUE, "the content before is looked for there"},
	{"http_server_body", NULL, setup_legacy_modifier, KEYWORD_MODIFIER | KEYWORD_LEGACY | KEYWORD_NO_VALUE, "the content before is looked for there"},
	{"http_user_agent", NULL, setup_legacy_modifier, KEYWORD_MODIFIER | KEYWORD_LEGACY | KEYWORD_NO_VALUE, "the content before is looked for there"},
	{"http_host", NULL, setup_legacy_modifier, KEYWORD_MODIFIER | KEYWORD_LEGACY | KEYWORD_NO_VALUE, "the content before is looked for there"},
	{"http_raw_host", NULL, setup_legacy_modifier, KEYWORD_MODIFIER | KEYWORD_LEGACY | KEYWORD_NO_VALUE, "the content before is looked for there"},
	{"http_stat_code", NULL, setup_legacy_modifier, KEYWORD_MODIFIER | KEYWORD_LEGACY | KEYWORD_NO_VALUE, "the content before is looked for there"},
	{"http_stat_msg", NULL, setup_legacy_modifier, KEYWORD_MODIFIER | KEYWORD_LEGACY | KEYWORD_NO_VALUE, "the content before is looked for there"},
	{"file_data", NULL, setup_legacy_buffer, KEYWORD_LEGACY | KEYWORD_NO_VALUE, "older name of a buffer"},
	{"dns_query", NULL, setup_legacy_buffer, KEYWORD_LEGACY | KEYWORD_NO_VALUE, "older name of a buffer"},
	{"tls_sni", NULL, setup_legacy_buffer, KEYWORD_LEGACY | KEYWORD_NO_VALUE, "older name of a buffer"},
	{"tls_cert_subject", NULL, setup_legacy_buffer, KEYWORD_LEGACY | KEYWORD_NO_VALUE, "older name of a buffer"},
	{"tls_cert_issuer", NULL, setup_legacy_buffer, KEYWORD_LEGACY | KEYWORD_NO_VALUE, "older name of a buffer"},
	{"tls_cert_serial", NULL, setup_legacy_buffer, KEYWORD_LEGACY | KEYWORD_NO_VALUE, "older name of a buffer"},
	{"tls_cert_fingerprint", NULL, setup_legacy_buffer, KEYWORD_LEGACY | KEYWORD_NO_VALUE, "older name of a buffer"},
	{"ja3_hash", NULL, setup_legacy_buffer, KEYWORD_LEGACY | KEYWORD_NO_VALUE, "older name of a buffer"},
	{"ja3_string", NULL, setup_legacy_buffer, KEYWORD_LEGACY | KEYWORD_NO_VALUE, "older name of a buffer"},
	{"http_request_line", NULL, setup_legacy_buffer, KEYWORD_LEGACY | KEYWORD_NO_VALUE, "older name of a buffer"},
	{"http_response_line", NULL, setup_legacy_buffer, KEYWORD_LEGACY | KEYWORD_NO_VALUE, "older name of a buffer"},
	{"http_protocol", NULL, setup_legacy_buffer, KEYWORD_LEGACY | KEYWORD_NO_VALUE, "older name of a buffer"},
	{"http_start", NULL, setup_legacy_buffer, KEYWORD_LEGACY | KEYWORD_NO_VALUE, "older name of a buffer"},
	{"http_header_names", NULL, setup_legacy_buffer, KEYWORD_LEGACY | KEYWORD_NO_VALUE, "older name of a buffer"},
	{"http_accept", NULL, setup_legacy_buffer, KEYWORD_LEGACY | KEYWORD_NO_VALUE, "older name of a buffer"},
	{"http_accept_lang", NULL, setup_legacy_buffer, KEYWORD_LEGACY | KEYWORD_NO_VALUE, "older name of a buffer"},
	{"http_accept_enc", NULL, setup_legacy_buffer, KEYWORD_LEGACY | KEYWORD_NO_VALUE, "older name of a buffer"},
	{"http_connection", NULL, setup_legacy_buffer, KEYWORD_LEGACY | KEYWORD_NO_VALUE, "older name of a buffer"},
	{"http_content_len", NULL, setup_legacy_buffer, KEYWORD_LEGACY | KEYWORD_NO_VALUE, "older name of a buffer"},
	{"http_content_type", NULL, setup_legacy_buffer, KEYWORD_LEGACY | KEYWORD_NO_VALUE, "older name of a buffer"},
	{"http_referer", NULL, setup_legacy_buffer, KEYWORD_LEGACY | KEYWORD_NO_VALUE, "older name of a buffer"},
	{"http_referrer", NULL, setup_legacy_buffer, KEYWORD_LEGACY | KEYWORD_NO_VALUE, "older name of a buffer"},
	{"tls.subject", NULL, setup_buffer_text, KEYWORD_LEGACY, "the certificate's subject contains"},
	{"tls.issuerdn", NULL, setup_buffer_text, KEYWORD_LEGACY, "the certificate's issuer contains"},
	{"tls.fingerprint", NULL, setup_buffer_text, KEYWORD_LEGACY, "SHA-1 of the certificate"},
	{"app-layer-protocol", NULL, setup_app_layer_protocol, KEYWORD_IP_ONLY_OK, "recognised protocol"},
	{"app-layer-event", NULL, setup_app_layer_event, 0, "event of a protocol's parser"},
	{"tls.version", NULL, setup_tls_version, 0, "version of TLS"},
	{"ssl_version", NULL, setup_ssl_version, 0, "versions of SSL and TLS"},
	{"ssl_state", NULL, setup_ssl_state, 0, "how far the handshake has come"},
	{"tls_cert_notbefore", NULL, setup_tls_cert_date, 0, "date from which the certificate is valid"},
	{"tls_cert_notafter", NULL, setup_tls_cert_date, 0, "date to which the certificate is valid"},
	{"tls_cert_expired", NULL, setup_tls_cert_validity, KEYWORD_NO_VALUE, "the certificate is no longer valid"},
	{"tls_cert_valid", NULL, setup_tls_cert_validity, KEYWORD_NO_VALUE, "the certificate is valid by its dates"},
	{"tls.subject", NULL, setup_tls_text, KEYWORD_LEGACY, "subject of the certificate contains"},
	{"tls.issuerdn", NULL, setup_tls_text, KEYWORD_LEGACY, "issuer of the certificate contains"},
	{"tls.fingerprint", "tls_fingerprint", setup_tls_text, KEYWORD_LEGACY, "SHA-1 of the certificate"},
	{"filename", NULL, setup_filename, 0, "name of a file contains"},
	{"fileext", NULL, setup_fileext, 0, "name of a file ends with .EXT"},
	{"filesize", NULL, setup_filesize, 0, "size of a file"},
	{"filemd5", NULL, setup_filehash, 0, "digest of a file is in a list"},
	{"filesha1", NULL, setup_filehash, 0, "digest of a file is in a list"},
	{"filesha256", NULL, setup_filehash, 0, "digest of a file is in a list"},
	{"filestore", NULL, setup_filestore, KEYWORD_OPTIONAL_VALUE, "not evaluated"},
	{"filemagic", NULL, setup_filemagic, 0, "not evaluated"},
	{"dotprefix", NULL, setup_transform, KEYWORD_TRANSFORM | KEYWORD_NO_VALUE, "transform of the buffer"},
	{"strip_whitespace", NULL, setup_transform, KEYWORD_TRANSFORM | KEYWORD_NO_VALUE, "transform of the buffer"},
	{"compress_whitespace", NULL, setup_transform, KEYWORD_TRANSFORM | KEYWORD_NO_VALUE, "transform of the buffer"},
	{"to_lowercase", NULL, setup_transform, KEYWORD_TRANSFORM | KEYWORD_NO_VALUE, "transform of the buffer"},
	{"to_uppercase", NULL, setup_transform, KEYWORD_TRANSFORM | KEYWORD_NO_VALUE, "transform of the buffer"},
	{"to_md5", NULL, setup_transform, KEYWORD_TRANSFORM | KEYWORD_NO_VALUE, "transform of the buffer"},
	{"to_sha1", NULL, setup_transform, KEYWORD_TRANSFORM | KEYWORD_NO_VALUE, "transform of the buffer"},
	{"to_sha256", NULL, setup_transform, KEYWORD_TRANSFORM | KEYWORD_NO_VALUE, "transform of the buffer"},
	{"url_decode", NULL, setup_transform, KEYWORD_TRANSFORM | KEYWORD_NO_VALUE, "transform of the buffer"},
	{"header_lowercase", NULL, setup_transform, KEYWORD_TRANSFORM | KEYWORD_NO_VALUE, "transform of the buffer"},
	{"strip_pseudo_headers", NULL, setup_transform, KEYWORD_TRANSFORM | KEYWORD_NO_VALUE, "transform of the buffer"},
	{"domain", NULL, setup_transform, KEYWORD_TRANSFORM | KEYWORD_NO_VALUE, "transform: the registered domain of a host's name"},
	{"tld", NULL, setup_transform, KEYWORD_TRANSFORM | KEYWORD_NO_VALUE, "transform: the public suffix of a host's name"},
	{"xor", NULL, setup_xor, KEYWORD_TRANSFORM, "transform: exclusive or with a key"},
	{"pcrexform", NULL, setup_pcrexform, KEYWORD_TRANSFORM, "transform: what the expression captures"},
	{"from_base64", NULL, setup_from_base64, KEYWORD_TRANSFORM | KEYWORD_OPTIONAL_VALUE, "transform: decoded base64"},
	{"gunzip", NULL, setup_inflate, KEYWORD_TRANSFORM | KEYWORD_OPTIONAL_VALUE, "transform: unpacked gzip"},
	{"zlib_deflate", NULL, setup_inflate, KEYWORD_TRANSFORM | KEYWORD_OPTIONAL_VALUE, "transform: unpacked zlib"},
	{"subslice", NULL, setup_subslice, KEYWORD_TRANSFORM, "transform: a part of the buffer"},
	{"dataset", NULL, setup_dataset, 0, "the buffer is in a set"},
	{"datarep", NULL, setup_datarep, 0, "the buffer's reputation in a set"},
};
const size_t n_keywords = sizeof keywords / sizeof keywords[0];

/* Twenty thousand rules ask for half a million names: they are hashed once. */
enum { SLOTS = 1024 };
static uint16_t slot[SLOTS]; /* row + 1; 0: free */
static pthread_once_t once = PTHREAD_ONCE_INIT;

static unsigned slot_of(const char *name)
{
	uint32_t h = 2166136261u;
	for (; *name; name++)
		h = (h ^ (uint8_t)*name) * 16777619u;
	return (h ^ h >> 16) & (SLOTS - 1);
}

static void slot_take(const char *name, size_t row)
{
	unsigned at = slot_of(name);
	while (slot[at])
		at = (at + 1) & (SLOTS - 1);
	slot[at] = (uint16_t)(row + 1);
}

static void slots_fill(void)
{
	for (size_t i = 0; i < n_keywords; i++) {
		slot_take(keywords[i].name, i);
		if (keywords[i].alias)
			slot_take(keywords[i].alias, i);
	}
}

const struct keyword *keyword_find(const char *name)
{
	pthread_once(&once, slots_fill);
	for (unsigned at = slot_of(name); slot[at]; at = (at + 1) & (SLOTS - 1)) {
		const struct keyword *k = &keywords[slot[at] - 1];
		if (strcmp(k->name, name) == 0 || (k->alias && strcmp(k->alias, name) == 0))
			return k;
	}
	return NULL;
}
