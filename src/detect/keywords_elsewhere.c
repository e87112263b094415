// SPDX-License-Identifier: GPL-2.0-or-later
/* Names that the rule language has and this program does not evaluate (yet): a rule with one is unsupported, not wrong. */
#include "detect/keywords.h"

#include <stdlib.h>

/* Sorted. What a protocol's descriptor provides is found before this list is asked. */
static const char *const elsewhere[] = {
	"app-layer-frame", "app-layer-state", "arp.opcode", "asn1", "bgp.type", "byte_order", "cip_service", "dce_iface", "dce_opnum",
	"dce_stub_data", "dcerpc.iface", "dcerpc.opnum", "dcerpc.stub_data", "dhcp.leasetime", "dhcp.rebinding_time",
	"dhcp.renewal_time", "dnp3.data", "dnp3_data", "dnp3_func", "dnp3_ind", "dnp3_obj", "dns.additionals.rrname", "dns.answer.name",
	"dns.answers.rrname", "dns.authorities.rrname", "dns.opcode", "dns.queries.rrname", "dns.query", "dns.rcode", "dns.response",
	"dns.response.rrname", "dns.rrtype", "email.cc", "email.date", "email.from", "email.message_id", "email.received",
	"email.subject", "email.to", "email.url", "email.x_mailer", "enip.capabilities", "enip.cip_attribute", "enip.cip_class",
	"enip.cip_extendedstatus", "enip.cip_instance", "enip.cip_status", "enip.device_type", "enip.identity_status",
	"enip.product_code", "enip.product_name", "enip.protocol_version", "enip.revision", "enip.serial", "enip.service_name",
	"enip.state", "enip.status", "enip.vendor_id", "enip_command", "ether.hdr", "file.data", "file.magic", "file.name", "frame",
	"ftp.command", "ftp.command_data", "ftp.completion_code", "ftp.dynamic_port", "ftp.mode", "ftp.reply", "ftp.reply_received",
	"ftpbounce", "ftpdata_command", "http.accept", "http.accept_enc", "http.accept_lang", "http.connection", "http.content_len",
	"http.content_type", "http.cookie", "http.header", "http.header.raw", "http.header_names", "http.host", "http.host.raw",
	"http.location", "http.method", "http.protocol", "http.referer", "http.request_body", "http.request_header",
	"http.request_line", "http.response_body", "http.response_header", "http.response_line", "http.server", "http.start",
	"http.stat_code", "http.stat_msg", "http.uri", "http.uri.raw", "http.user_agent", "http2.errorcode", "http2.frametype",
	"http2.header", "http2.header_name", "http2.priority", "http2.settings", "http2.size_update", "http2.window", "igmp.csum",
	"igmp.hdr", "igmp.type", "ike.chosen_sa_attribute", "ike.exchange", "ike.exchtype", "ike.init_spi", "ike.key_exchange_payload",
	"ike.key_exchange_payload_length", "ike.nonce_payload", "ike.nonce_payload_length", "ike.resp_spi", "ike.vendor", "ikev2",
	"ja3.hash", "ja3.string", "ja3s.hash", "ja3s.string", "ja4.hash", "krb5.cname", "krb5.sname", "krb5.ticket_encryption",
	"krb5_cname", "krb5_err_code", "krb5_msg_type", "krb5_sname", "l3_proto", "ldap.request.attribute_type", "ldap.request.dn",
	"ldap.request.operation", "ldap.responses.attribute_type", "ldap.responses.count", "ldap.responses.dn",
	"ldap.responses.message", "ldap.responses.operation", "ldap.responses.result_code", "llmnr.answers.rrname",
	"llmnr.queries.rrname", "llmnr.response.rrname", "lua", "luajit", "luaxform", "mdns.additionals.rrname", "mdns.answers.rrname",
	"mdns.authorities.rrname", "mdns.queries.rrname", "mdns.response.rrname", "mime_type", "modbus", "mqtt.connack.session_present",
	"mqtt.connect.clientid", "mqtt.connect.flags", "mqtt.connect.password", "mqtt.connect.protocol_string", "mqtt.connect.username",
	"mqtt.connect.willmessage", "mqtt.connect.willtopic", "mqtt.flags", "mqtt.protocol_version", "mqtt.publish.message",
	"mqtt.publish.topic", "mqtt.qos", "mqtt.reason_code", "mqtt.reasoncode", "mqtt.subscribe.topic", "mqtt.type",
	"mqtt.unsubscribe.topic", "nfq_set_mark", "nfs.version", "nfs_procedure", "nfs_version", "ntp.mode", "ntp.reference_id",
	"ntp.stratum", "ntp.version", "pgsql.query", "quic.cyu.hash", "quic.cyu.string", "quic.sni", "quic.ua", "quic.version",
	"rfb.name", "rfb.secproto", "rfb.secresult", "rfb.sectype", "rpc", "sdp.attribute", "sdp.bandwidth", "sdp.connection_data",
	"sdp.email", "sdp.encryption_key", "sdp.media.connection_data", "sdp.media.encryption_key", "sdp.media.media",
	"sdp.media.media_info", "sdp.origin", "sdp.phone_number", "sdp.repeat_time", "sdp.session_info", "sdp.session_name", "sdp.time",
	"sdp.timezone", "sdp.uri", "sip.content_length", "sip.content_type", "sip.from", "sip.method", "sip.protocol",
	"sip.request_line", "sip.response_line", "sip.stat_code", "sip.stat_msg", "sip.to", "sip.uri", "sip.user_agent", "sip.via",
	"sip_method", "smb.named_pipe", "smb.ntlmssp_domain", "smb.ntlmssp_user", "smb.share", "smb.version", "smb_named_pipe",
	"smb_share", "smtp.helo", "smtp.mail_from", "smtp.rcpt_to", "snmp.community", "snmp.pdu_type", "snmp.trap_type", "snmp.usm",
	"snmp.version", "snmp_version", "ssh.hassh", "ssh.hassh.server", "ssh.hassh.server.string", "ssh.hassh.string", "ssh.proto",
	"ssh.protoversion", "ssh.software", "ssh.softwareversion", "ssh_proto", "ssh_software", "ssl_state", "ssl_version", "tcp.urp",
	"template", "template2", "tls.alpn", "tls.cert_chain_len", "tls.cert_fingerprint", "tls.cert_issuer", "tls.cert_serial",
	"tls.cert_subject", "tls.certs", "tls.random", "tls.random_bytes", "tls.random_time", "tls.sni", "tls.store",
	"tls.subjectaltname", "tls.version", "tls_cert_expired", "tls_cert_notafter", "tls_cert_notbefore", "tls_cert_valid",
	"tls_store", "udp.len", "vlan.hdr", "websocket.flags", "websocket.mask", "websocket.opcode", "websocket.payload",
};

static const char *const protocols[] = {
	"bgp", "bittorrent-dht", "dcerpc", "dhcp", "dnp3", "dns", "doh2", "enip", "ftp", "ftp-data", "http", "http1", "http2",
	"ike", "ikev1", "ikev2", "imap", "irc", "jabber", "krb5", "ldap", "llmnr", "mdns", "modbus", "mqtt", "msn", "nbns",
	"nbss", "nfs", "ntp", "pgsql", "pop3", "quic", "rdp", "rfb", "sip", "smb", "smtp", "snmp", "ssh", "ssl", "telnet",
	"template", "tftp", "tls", "websocket",
};

static int compare(const void *key, const void *element)
{
	return strcmp(key, *(const char *const *)element);
}

bool keyword_known_elsewhere(const char *name)
{
	return bsearch(name, elsewhere, sizeof elsewhere / sizeof elsewhere[0], sizeof elsewhere[0], compare);
}

bool protocol_known_elsewhere(const char *name)
{
	return bsearch(name, protocols, sizeof protocols / sizeof protocols[0], sizeof protocols[0], compare);
}

const char *keyword_protocol(const char *name)
{
	static const struct { const char *prefix, *protocol; } owners[] = {
		{"dce", "dcerpc"}, {"smb", "smb"}, {"nfs", "nfs"}, {"ssh", "ssh"}, {"krb5", "krb5"}, {"sip", "sip"}, {"rfb", "rfb"}, {"mqtt", "mqtt"}, {"ike.", "ike"},
		{"snmp", "snmp"}, {"dnp3", "dnp3"}, {"enip", "enip"}, {"ldap", "ldap"}, {"quic", "quic"}, {"websocket", "websocket"}, {"modbus", "modbus"},
		{"dhcp", "dhcp"}, {"ntp.", "ntp"}, {"pgsql", "pgsql"}, {"mdns", "mdns"}, {"smtp", "smtp"}, {"email", "smtp"},
	};
	for (size_t i = 0; i < sizeof owners / sizeof owners[0]; i++)
		if (strncmp(owners[i].prefix, name, strlen(owners[i].prefix)) == 0)
			return owners[i].protocol;
	return NULL;
}
