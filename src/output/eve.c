// SPDX-License-Identifier: GPL-2.0-or-later
/* What all records have: time, ids, ends, protocol, variables of the flow. */
#include "output/eve.h"

#include <stdio.h>
#include <string.h>

/* Names of IP protocols as EVE writes them (IANA's protocol-numbers). */
static const char *const proto_names[256] = {
	[0] = "HOPOPT", [1] = "ICMP", [2] = "IGMP", [3] = "GGP", [4] = "IP-in-IP", [5] = "ST", [6] = "TCP", [7] = "CBT", [8] = "EGP",
	[9] = "IGP", [10] = "BBN-RCC-MON", [11] = "NVP-II", [12] = "PUP", [13] = "ARGUS", [14] = "EMCON", [15] = "XNET", [16] = "CHAOS",
	[17] = "UDP", [18] = "MUX", [19] = "DCN-MEAS", [20] = "HMP", [21] = "PRM", [22] = "XNS-IDP", [23] = "TRUNK-1", [24] = "TRUNK-2",
	[25] = "LEAF-1", [26] = "LEAF-2", [27] = "RDP", [28] = "IRTP", [29] = "ISO-TP4", [30] = "NETBLT", [31] = "MFE-NSP", [32] = "MERIT-INP",
	[33] = "DCCP", [34] = "3PC", [35] = "IDPR", [36] = "XTP", [37] = "DDP", [38] = "IDPR-CMTP", [39] = "TP++", [40] = "IL", [41] = "IPv6",
	[42] = "SDRP", [43] = "IPv6-Route", [44] = "IPv6-Frag", [45] = "IDRP", [46] = "RSVP", [47] = "GRE", [48] = "DSR", [49] = "BNA",
	[50] = "ESP", [51] = "AH", [52] = "I-NLSP", [53] = "SWIPE", [54] = "NARP", [55] = "MOBILE", [56] = "TLSP", [57] = "SKIP",
	[58] = "IPv6-ICMP", [59] = "IPv6-NoNxt", [60] = "IPv6-Opts", [62] = "CFTP", [64] = "SAT-EXPAK", [65] = "KRYPTOLAN", [66] = "RVD",
	[67] = "IPPC", [69] = "SAT-MON", [70] = "VISA", [71] = "IPCV", [72] = "CPNX", [73] = "CPHB", [74] = "WSN", [75] = "PVP",
	[76] = "BR-SAT-MON", [77] = "SUN-ND", [78] = "WB-MON", [79] = "WB-EXPAK", [80] = "ISO-IP", [81] = "VMTP", [82] = "SECURE-VMTP",
	[83] = "VINES", [84] = "TTP", [85] = "NSFNET-IGP", [86] = "DGP", [87] = "TCF", [88] = "EIGRP", [89] = "OSPFIGP", [90] = "Sprite-RPC",
	[91] = "LARP", [92] = "MTP", [93] = "AX.25", [94] = "IPIP", [95] = "MICP", [96] = "SCC-SP", [97] = "ETHERIP", [98] = "ENCAP",
	[100] = "GMTP", [101] = "IFMP", [102] = "PNNI", [103] = "PIM", [104] = "ARIS", [105] = "SCPS", [106] = "QNX", [107] = "A/N",
	[108] = "IPComp", [109] = "SNP", [110] = "Compaq-Peer", [111] = "IPX-in-IP", [112] = "VRRP", [113] = "PGM", [115] = "L2TP", [116] = "DDX",
	[117] = "IATP", [118] = "STP", [119] = "SRP", [120] = "UTI", [121] = "SMP", [122] = "SM", [123] = "PTP", [124] = "ISIS", [125] = "FIRE",
	[126] = "CRTP", [127] = "CRUDP", [128] = "SSCOPMCE", [129] = "IPLT", [130] = "SPS", [131] = "PIPE", [132] = "SCTP", [133] = "FC",
	[134] = "RSVP-E2E-IGNORE", [135] = "Mobility-Header", [136] = "UDPLite", [137] = "MPLS-in-IP", [138] = "manet", [139] = "HIP", [140] = "Shim6",
	[141] = "WESP", [142] = "ROHC",
};

const char *eve_proto_name(uint8_t proto, char number[4])
{
	if (proto_names[proto])
		return proto_names[proto];
	snprintf(number, 4, "%u", proto);
	return number;
}

static const char *source_name(const struct packet *p)
{
	static const char *const tunnels[] = {
		[TUNNEL_NONE] = "wire/pcap", [TUNNEL_GRE] = "gre tunnel", [TUNNEL_ERSPAN1] = "gre tunnel", [TUNNEL_ERSPAN2] = "gre tunnel",
		[TUNNEL_IPV4_IN_IPV4] = "ipv4 tunnel", [TUNNEL_IPV6_IN_IPV4] = "ipv4 tunnel", [TUNNEL_IPV4_IN_IPV6] = "ipv6 tunnel",
		[TUNNEL_IPV6_IN_IPV6] = "ipv6 tunnel", [TUNNEL_TEREDO] = "teredo tunnel", [TUNNEL_VXLAN] = "vxlan encapsulation",
		[TUNNEL_GENEVE] = "geneve encapsulation", [TUNNEL_ETHERNET] = "gre tunnel", [TUNNEL_DEFRAG] = "defrag",
	};
	if (p->source == PACKET_STREAM_TIMEOUT)
		return "stream (flow timeout)";
	if (p->source == PACKET_DEFRAG)
		return "defrag";
	return tunnels[p->tunnel];
}

static bool has_ports(uint8_t proto)
{
	return proto == PROTO_TCP || proto == PROTO_UDP || proto == PROTO_SCTP;
}

/* The ends of a record: as the packet went, or as the flow goes. */
struct ends {
	const struct address *src, *dst;
	uint16_t sport, dport;
	uint8_t proto;
};

static struct ends ends_of(const struct packet *p, const struct flow *f, enum eve_direction direction)
{
	if (direction == EVE_AS_PACKET || !f)
		return (struct ends){&p->src, &p->dst, p->sport, p->dport, p->proto};
	const struct flow_key *k = &f->key;
	if (direction == EVE_TO_CLIENT)
		return (struct ends){&k->dst, &k->src, k->dport, k->sport, k->proto};
	return (struct ends){&k->src, &k->dst, k->sport, k->dport, k->proto};
}

static void write_ends(const struct output_worker *w, struct json *j, const struct ends *e)
{
	char text[ADDRESS_TEXT], number[4];
	if (!e->src->family)
		return;
	bool ports = has_ports(e->proto);
	json_string(j, "src_ip", w->overwrite[0] ? w->overwrite[0] : address_format(e->src, text));
	if (ports)
		json_uint(j, "src_port", e->sport);
	json_string(j, "dest_ip", w->overwrite[1] ? w->overwrite[1] : address_format(e->dst, text));
	if (ports)
		json_uint(j, "dest_port", e->dport);
	json_string(j, "proto", eve_proto_name(e->proto, number));
}

static void write_vlans(struct json *j, const uint16_t *vlan, unsigned n)
{
	if (n == 0)
		return;
	json_open_array(j, "vlan");
	for (unsigned i = 0; i < n; i++)
		json_uint(j, NULL, vlan[i]);
	json_close_array(j);
}

void eve_mac(struct json *j, const char *key, const uint8_t *m)
{
	char text[18];
	snprintf(text, sizeof text, "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5]);
	json_string(j, key, text);
}

static void write_ether(struct json *j, const struct packet *p, const struct flow *f, bool type)
{
	if (p && p->ether) {
		json_open(j, "ether");
		if (type)
			json_uint(j, "ether_type", p->ether_type);
		eve_mac(j, "src_mac", p->ether + 6);
		eve_mac(j, "dest_mac", p->ether);
		json_close(j);
	} else if (!p && f && f->has_ether) {
		json_open(j, "ether");
		json_open_array(j, "dest_macs");
		eve_mac(j, NULL, f->ether_server);
		json_close_array(j);
		json_open_array(j, "src_macs");
		eve_mac(j, NULL, f->ether_client);
		json_close_array(j);
		json_close(j);
	}
}

static void write_ether_type(struct json *j, const struct packet *p)
{
	json_open(j, "ether");
	json_uint(j, "ether_type", p->ether_type);
	json_close(j);
}

static void write_icmp(struct json *j, const struct packet *p, const struct flow *f)
{
	if (p && (p->is_icmp || p->is_icmp6)) {
		json_uint(j, "icmp_type", p->icmp.type);
		json_uint(j, "icmp_code", p->icmp.code);
	} else if (!p && f && f->has_icmp_client) {
		json_uint(j, "icmp_type", f->icmp_type_client);
		json_uint(j, "icmp_code", f->icmp_code_client);
		if (f->has_icmp_server) {
			json_uint(j, "response_icmp_type", f->icmp_type_server);
			json_uint(j, "response_icmp_code", f->icmp_code_server);
		}
	}
}

struct var_lists { /* flow_bits_each comes once for each kind */
	struct json *j;
	struct detect_registry *registry;
	int kind;
	bool open;
};

static const char *var_name(struct var_lists *v, enum registry_kind kind, uint32_t id)
{
	const char *name = registry_name(v->registry, kind, id);
	return name ? name : "?";
}

static void open_list(struct var_lists *v, const char *key, bool array)
{
	if (!v->open && array)
		json_open_array(v->j, key);
	else if (!v->open)
		json_open(v->j, key);
	v->open = true;
}

static void write_bit(void *context, uint32_t id)
{
	struct var_lists *v = context;
	if (v->kind != 0 || strncmp(var_name(v, REGISTRY_FLOWBIT, id), "traffic/", 8) == 0)
		return;
	open_list(v, "flowbits", true);
	json_string(v->j, NULL, var_name(v, REGISTRY_FLOWBIT, id));
}

/* Flowbits "traffic/id/X" and "traffic/label/X" name traffic: EVE's object of that name. */
static void write_traffic(void *context, uint32_t id)
{
	static const char *const prefixes[] = {"traffic/id/", "traffic/label/"};
	static const char *const keys[] = {"id", "label"};
	struct var_lists *v = context;
	const char *name = var_name(v, REGISTRY_FLOWBIT, id), *prefix = prefixes[v->kind];
	if (strncmp(name, prefix, strlen(prefix)))
		return;
	open_list(v, keys[v->kind], true);
	json_string(v->j, NULL, name + strlen(prefix));
}

static void write_number(void *context, uint32_t id, uint32_t value)
{
	struct var_lists *v = context;
	if (v->kind != 1)
		return;
	open_list(v, "flowints", false);
	json_key_bytes(v->j, bytes_of_string(var_name(v, REGISTRY_FLOWINT, id)));
	json_uint(v->j, NULL, value);
}

static void write_var(void *context, uint32_t id, struct bytes value)
{
	struct var_lists *v = context;
	if (v->kind != 2)
		return;
	open_list(v, "flowvars", true);
	json_open(v->j, NULL);
	json_key_bytes(v->j, bytes_of_string(var_name(v, REGISTRY_FLOWVAR, id)));
	json_printable(v->j, NULL, value);
	json_close(v->j);
}

static void write_pktvars(struct output_worker *w, struct json *j)
{
	const struct detect_scratch *s = w->detect;
	if (s->n_pktvars == 0)
		return;
	json_open_array(j, "pktvars");
	for (unsigned i = 0; i < s->n_pktvars; i++) {
		const char *name = registry_name(w->outputs->context.registry, REGISTRY_PKTVAR, s->pktvar[i].id);
		json_open(j, NULL);
		json_key_bytes(j, bytes_of_string(name ? name : "?"));
		json_printable(j, NULL, s->pktvar[i].value);
		json_close(j);
	}
	json_close_array(j);
}

static void ignore_number(void *context, uint32_t id, uint32_t value)
{
	(void)context, (void)id, (void)value;
}

static void ignore_var(void *context, uint32_t id, struct bytes value)
{
	(void)context, (void)id, (void)value;
}

static void eve_traffic(struct output_worker *w, struct json *j, const struct flow *f)
{
	struct json_mark mark = json_mark(j);
	struct var_lists v = {.j = j, .registry = w->outputs->context.registry};
	bool any = false;
	json_open(j, "traffic");
	for (v.kind = 0; v.kind < 2; v.kind++) {
		v.open = false;
		flow_bits_each(f, write_traffic, ignore_number, ignore_var, &v);
		any |= v.open;
		if (v.open)
			json_close_array(j);
	}
	if (any)
		json_close(j);
	else
		json_rewind(j, mark);
}

void eve_vars(struct output_worker *w, struct json *j, const struct packet *p, const struct flow *f)
{
	bool has_pktvars = p && w->detect && w->detect->n_pktvars;
	if (!(f && f->bits) && !has_pktvars)
		return;
	struct json_mark mark = json_mark(j);
	json_open(j, "metadata");
	size_t empty = j->out->len;
	if (has_pktvars)
		write_pktvars(w, j);
	struct var_lists v = {.j = j, .registry = w->outputs->context.registry};
	for (v.kind = 0; f && f->bits && v.kind < 3; v.kind++) {
		v.open = false;
		flow_bits_each(f, write_bit, write_number, write_var, &v);
		if (v.open && v.kind == 1)
			json_close(j);
		else if (v.open)
			json_close_array(j);
	}
	if (j->out->len == empty)
		json_rewind(j, mark);
	else
		json_close(j);
	if (f && f->bits)
		eve_traffic(w, j, f);
}

void eve_app_proto(struct json *j, const struct flow *f)
{
	const struct app_flow *a = f ? f->app : NULL;
	const char *name = a ? app_flow_name(a) : NULL;
	if (!name || strcmp(name, "unknown") == 0)
		return;
	json_string(j, "app_proto", name);
	for (int d = 0; d < 2; d++) {
		/* what one direction alone looked like, when the whole is something else */
		const char *side = app_flow_side_name(a, d);
		if (side)
			json_string(j, d == TO_SERVER ? "app_proto_ts" : "app_proto_tc", side);
	}
	if (a->original && a->original != a->proto)
		json_string(j, "app_proto_orig", a->original->name);
}

static void write_head(struct output_worker *w, struct json *j, const struct packet *p, struct flow *f, const char *type, usec_t time)
{
	char when[40];
	clock_format_iso(time, when);
	json_string(j, "timestamp", when);
	if (f) {
		json_uint(j, "flow_id", f->id);
		if (f->parent_id)
			json_uint(j, "parent_id", f->parent_id);
	}
	int in = p ? p->in_interface : f ? f->in_interface : 0;
	const struct output_context *c = &w->outputs->context;
	if (in > 0 && (size_t)in <= c->n_interfaces)
		json_string(j, "in_iface", c->interfaces[in - 1]);
	if (p && p->number && p->source == PACKET_WIRE)
		json_uint(j, "pcap_cnt", p->number);
	json_string(j, "event_type", type);
	if (p)
		write_vlans(j, p->vlan, p->n_vlans);
	else if (f)
		write_vlans(j, f->key.vlan, f->key.n_vlans);
}

static void write_community(struct json *j, const struct eve *e, const struct flow *f)
{
	if (!e->options.community_id || !f)
		return;
	char id[40];
	const struct flow_key *k = &f->key;
	flow_community_id(&k->src, &k->dst, k->sport, k->dport, k->proto, e->options.community_seed, id);
	if (id[0])
		json_string(j, "community_id", id);
}

struct json eve_begin(struct output_worker *w, const struct eve *e, const struct packet *p, struct flow *f, const char *type,
		      enum eve_direction direction, uint64_t tx_id, usec_t time)
{
	buffer_clear(&w->line);
	struct json j = json_into(&w->line);
	json_open(&j, NULL);
	write_head(w, &j, p, f, type, time);
	struct ends ends = ends_of(p, f, p ? direction : direction == EVE_AS_PACKET ? EVE_AS_FLOW : direction);
	write_ends(w, &j, &ends);
	if (ends.src->family)
		json_uint(&j, "ip_v", ends.src->family);
	if ((p && p->is_esp) || (!p && f && f->key.proto == PROTO_ESP))
		json_uint(&j, "spi", p ? p->esp_spi : (uint32_t)f->key.sport << 16 | f->key.dport);
	write_icmp(&j, p, f);
	if (p)
		json_string(&j, "pkt_src", source_name(p));
	if (e->options.vars)
		eve_vars(w, &j, p, f);
	if (e->options.ethernet)
		write_ether(&j, p, f, w->ether_type);
	else if (w->ether_type)
		write_ether_type(&j, p);
	write_community(&j, e, f);
	if (e->options.version)
		json_string(&j, "suricata_version", "8.0.6");
	if (tx_id != UINT64_MAX)
		json_uint(&j, "tx_id", tx_id);
	return j;
}

void eve_end(struct output_worker *w, const struct eve *e, struct json *j)
{
	if (e->options.pcap_file && w->pcap_file)
		json_string(j, "pcap_filename", w->pcap_file);
	json_close(j);
	buffer_add_byte(&w->line, '\n');
	if (!w->line.failed)
		sink_write(e->sink, w->line.data, w->line.len);
}

void eve_verdict(struct json *j, const struct packet *p, const struct outputs *o)
{
	bool to_sender = p->action & ACTION_REJECT, to_receiver = p->action & ACTION_REJECT_DST, both = p->action & ACTION_REJECT_BOTH;
	json_open(j, "verdict");
	if (to_sender || to_receiver || both || p->action & ACTION_DROP)
		json_string(j, "action", "drop");
	else
		json_string(j, "action", p->action & ACTION_PASS ? "pass" : "alert");
	if (to_sender || to_receiver || both) {
		/* names the end that gets the answer, seen from the flow */
		bool client = packet_direction(p) == 0 ? to_sender : to_receiver;
		json_string(j, "reject-target", both ? "both" : client ? "to_client" : "to_server");
		json_open_array(j, "reject");
		json_string(j, NULL, p->proto == PROTO_TCP ? "tcp-reset" : "icmp-prohib");
		json_close_array(j);
	}
	json_close(j);
	(void)o;
}

bool eve_tx_object(struct json *j, const struct eve *e, struct app_flow *a, struct app_tx *tx, int direction)
{
	if (!a->proto || a->proto->n_loggers == 0)
		return false;
	struct app_log_options o = e->options.app;
	o.in_alert = true;
	struct json_mark mark = json_mark(j);
	if (a->proto->loggers[0].log(j, a, tx, direction, &o))
		return true;
	json_rewind(j, mark);
	return false;
}
