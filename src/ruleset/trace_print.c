// SPDX-License-Identifier: GPL-2.0-or-later
#include "ruleset/trace_print.h"

#include <stdlib.h>
#include <string.h>

#include "packet/packet.h"
#include "ruleset/print.h"

static const char *verdict_name(int32_t code)
{
	switch (code) {
	case NF_ACCEPT: return "accept";
	case NF_DROP: return "drop";
	case NF_STOLEN: return "stolen";
	case NF_QUEUE: return "queue";
	case NFT_JUMP: return "jump";
	case NFT_GOTO: return "goto";
	case NFT_RETURN: return "return";
	default: return "continue";
	}
}

void trace_print_verdict(FILE *out, const struct verdict *v)
{
	fputs(verdict_name(v->code), out);
	if ((v->code == NFT_JUMP || v->code == NFT_GOTO) && v->chain)
		fprintf(out, " %s", v->chain->name);
}

/* ---- the packet ---- */

static void print_device(FILE *out, const struct trace *t, const char *what, uint32_t index, bool unknown)
{
	const struct network_device *d = network_device(t->o.network, index);
	if (unknown)
		fprintf(out, " %s unknown", what);
	else if (d)
		fprintf(out, " %s \"%s\"", what, d->name);
}

static void print_link(FILE *out, const struct trace_packet *p)
{
	if (p->link_len < 14)
		return;
	const uint8_t *b = p->bytes;
	fprintf(out, " ether saddr %02x:%02x:%02x:%02x:%02x:%02x ether daddr %02x:%02x:%02x:%02x:%02x:%02x", b[6], b[7], b[8], b[9], b[10], b[11], b[0], b[1],
		b[2], b[3], b[4], b[5]);
	if (p->has_vlan)
		fprintf(out, " vlan id %u", p->vlan & 0xfff);
}

static void print_tcp(FILE *out, const uint8_t *h)
{
	static const char *const names[] = {"fin", "syn", "rst", "psh", "ack", "urg", "ecn", "cwr"};
	const char *comma = "";
	fprintf(out, " tcp sport %u tcp dport %u tcp flags ", load_be16(h), load_be16(h + 2));
	for (int i = 0; i < 8; i++) {
		if (h[13] >> i & 1) {
			fprintf(out, "%s%s", comma, names[i]);
			comma = ",";
		}
	}
	fprintf(out, "%s tcp window %u", *comma ? "" : "0x0", load_be16(h + 14));
}

static void print_transport(FILE *out, const struct trace_packet *p)
{
	size_t at = p->link_len + p->thoff, left = at < p->len ? p->len - at : 0;
	const uint8_t *h = p->bytes + at;
	if (!p->has_transport || p->fragoff)
		return;
	if (p->transport == PROTO_TCP && left >= 20)
		print_tcp(out, h);
	else if (p->transport == PROTO_UDP && left >= 8)
		fprintf(out, " udp sport %u udp dport %u udp length %u", load_be16(h), load_be16(h + 2), load_be16(h + 4));
	else if ((p->transport == PROTO_ICMP || p->transport == PROTO_ICMPV6) && left >= 8)
		fprintf(out, " %s type %u code %u id %u", p->transport == PROTO_ICMP ? "icmp" : "icmpv6", h[0], h[1], load_be16(h + 4));
}

static void print_network(FILE *out, const struct trace_packet *p)
{
	char text[ADDRESS_TEXT];
	const uint8_t *h = p->bytes + p->link_len;
	size_t left = p->len - p->link_len;
	struct address a = {.family = p->ip};
	if (p->ip == 4 && left >= 20) {
		memcpy(a.byte, h + 12, 4);
		fprintf(out, " ip saddr %s", address_format_short(&a, text));
		memcpy(a.byte, h + 16, 4);
		fprintf(out, " ip daddr %s ip ttl %u ip id %u ip length %u ip protocol %u", address_format_short(&a, text), h[8], load_be16(h + 4), load_be16(h + 2), h[9]);
	} else if (p->ip == 6 && left >= 40) {
		memcpy(a.byte, h + 8, 16);
		fprintf(out, " ip6 saddr %s", address_format_short(&a, text));
		memcpy(a.byte, h + 24, 16);
		fprintf(out, " ip6 daddr %s ip6 hoplimit %u ip6 length %u ip6 nexthdr %u", address_format_short(&a, text), h[7], load_be16(h + 4), h[6]);
	} else {
		fprintf(out, " ether type 0x%04x", p->ether_type);
	}
}

void trace_print_packet(FILE *out, const struct trace *t, const struct trace_packet *p)
{
	static const char *const states[] = {"established", "related", "new"};
	print_device(out, t, "iif", p->in, p->in_unknown);
	print_device(out, t, "oif", p->out, p->out_unknown);
	print_link(out, p);
	print_network(out, p);
	print_transport(out, p);
	if (p->connection)
		fprintf(out, " ct state %s", states[p->info % 3]);
	else if (p->info == CT_UNTRACKED)
		fputs(" ct state untracked", out);
	if (p->mark)
		fprintf(out, " meta mark 0x%08x", p->mark);
}

/* ---- events as text ---- */

static void print_place(struct trace_printer *p, const struct trace_event *e)
{
	fprintf(p->out, "trace id %08x", p->trace->id);
	if (e->chain)
		fprintf(p->out, " %s %s %s", ruleset_family_name(e->chain->table->family), e->chain->table->name, e->chain->name);
	else if (e->base)
		fprintf(p->out, " %s %s %s", ruleset_family_name(e->base->table->family), e->base->table->name, e->base->name);
}

static const struct operand *step_operand(const struct step *s)
{
	switch (s->kind) {
	case STEP_COMPARE: case STEP_RANGE: return s->match.operand;
	case STEP_LOOKUP: case STEP_VERDICT_MAP: return s->lookup.operand;
	default: return NULL;
	}
}

static void print_step(struct trace_printer *p, const struct trace_event *e)
{
	const struct operand *o = step_operand(e->step);
	size_t from, to;
	fprintf(p->out, "    %s", e->matched ? "yes" : "no ");
	if (e->rule && ruleset_step_columns(p->ruleset, e->rule, e->step, &from, &to)) {
		char *text = NULL;
		size_t len = 0;
		FILE *f = open_memstream(&text, &len);
		if (f) {
			ruleset_print_rule(f, p->ruleset, e->rule);
			fclose(f);
			fprintf(p->out, ": %.*s", to <= len ? (int)(to - from) : 0, text + (from < len ? from : len));
			free(text);
		}
	}
	if (o) {
		fputs(": ", p->out);
		ruleset_print_operand(p->out, p->ruleset, o);
		if (e->known) {
			fputs(" is ", p->out);
			ruleset_print_value(p->out, p->ruleset, o, e->value, e->value_len);
		} else {
			fputs(" is not there, or not known", p->out);
		}
	} else if (e->step->kind == STEP_LIMIT) {
		fputs(e->matched != e->step->inverted ? ": below the rate" : ": above the rate", p->out);
	} else if (e->step->kind == STEP_QUOTA) {
		fputs(e->matched != e->step->inverted ? ": below the quota" : ": above the quota", p->out);
	}
	fputc('\n', p->out);
}

static void print_end(struct trace_printer *p, const struct trace_event *e)
{
	fprintf(p->out, "trace id %08x end %s", p->trace->id, trace_fate_name(e->fate));
	if (e->rule) {
		fprintf(p->out, " by rule %u of %s %s %s", e->rule->index, ruleset_family_name(e->chain->table->family), e->chain->table->name, e->chain->name);
		if (e->rule->handle)
			fprintf(p->out, " (handle %llu)", (unsigned long long)e->rule->handle);
	} else if (e->chain) {
		fprintf(p->out, " by the policy of %s %s %s", ruleset_family_name(e->chain->table->family), e->chain->table->name, e->chain->name);
	}
	if (e->text && *e->text)
		fprintf(p->out, ": %s", e->text);
	if (p->trace->result.uncertain)
		fputs(" (uncertain, see above)", p->out);
	fputc('\n', p->out);
}

static void print_text(struct trace_printer *p, const struct trace_packet *packet, const struct trace_event *e)
{
	switch (e->kind) {
	case TRACE_STEP:
		if (p->why && e->rule)
			print_step(p, e);
		return;
	case TRACE_END: print_end(p, e); return;
	case TRACE_STATION: fprintf(p->out, "trace id %08x kernel: %s\n", p->trace->id, e->text); return;
	default: break;
	}
	print_place(p, e);
	switch (e->kind) {
	case TRACE_PACKET:
		fputs(" packet:", p->out);
		trace_print_packet(p->out, p->trace, packet);
		break;
	case TRACE_RULE:
		fputs(" rule ", p->out);
		ruleset_print_rule(p->out, p->ruleset, e->rule);
		fputs(" (verdict ", p->out);
		trace_print_verdict(p->out, &e->verdict);
		fputc(')', p->out);
		break;
	case TRACE_RETURN: fputs(" verdict continue", p->out); break;
	case TRACE_POLICY: fprintf(p->out, " policy %s", verdict_name(e->verdict.code)); break;
	default: fprintf(p->out, " unknown: %s%s", e->text, e->rule ? "" : ""); break;
	}
	if (e->kind != TRACE_PACKET && e->kind != TRACE_UNKNOWN && packet->mark)
		fprintf(p->out, " meta mark 0x%08x", packet->mark);
	fputc('\n', p->out);
}

/* ---- as JSON ---- */

static const char *const kinds[] = {"packet", "rule", "return", "policy", "step", "kernel", "unknown", "end"};

static void json_chain(struct json *j, const struct ruleset_chain *c)
{
	if (!c)
		return;
	json_string(j, "family", ruleset_family_name(c->table->family));
	json_string(j, "table", c->table->name);
	json_string(j, "chain", c->name);
}

static void json_rule(struct trace_printer *p, const struct ruleset_rule *r)
{
	char *text = NULL;
	size_t len = 0;
	json_uint(p->json, "handle", r->handle);
	json_uint(p->json, "index", r->index);
	FILE *f = p->why ? open_memstream(&text, &len) : NULL;
	if (!f)
		return;
	ruleset_print_rule(f, p->ruleset, r);
	fclose(f);
	json_bytes(p->json, "rule", bytes_of(text, len));
	free(text);
}

static void print_json(struct trace_printer *p, const struct trace_packet *packet, const struct trace_event *e)
{
	struct json *j = p->json;
	if (e->kind == TRACE_STEP && !p->why)
		return;
	json_open(j, NULL);
	json_string(j, "event", kinds[e->kind]);
	json_chain(j, e->chain);
	bool first = e->kind == TRACE_RULE || e->kind == TRACE_RETURN || e->kind == TRACE_POLICY ? !p->told : false;
	p->told = e->kind == TRACE_PACKET ? false : p->told || first;
	if (e->kind == TRACE_PACKET || first)
		json_hex(j, "packet", bytes_of(packet->bytes + packet->link_len, packet->len - packet->link_len));
	if (e->rule)
		json_rule(p, e->rule);
	if (e->kind == TRACE_RULE || e->kind == TRACE_POLICY) {
		json_string(j, "verdict", verdict_name(e->verdict.code));
		if (e->verdict.chain && (e->verdict.code == NFT_JUMP || e->verdict.code == NFT_GOTO))
			json_string(j, "target", e->verdict.chain->name);
	}
	if (e->kind == TRACE_STEP)
		json_bool(j, "matched", e->matched);
	if (e->kind == TRACE_END)
		json_string(j, "fate", trace_fate_name(e->fate));
	if (e->text && *e->text)
		json_string(j, "text", e->text);
	if (packet->mark)
		json_uint(j, "mark", packet->mark);
	json_close(j);
}

void trace_print_event(struct trace_printer *p, const struct trace_packet *packet, const struct trace_event *e)
{
	if (p->json)
		print_json(p, packet, e);
	else
		print_text(p, packet, e);
}
