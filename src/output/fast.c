// SPDX-License-Identifier: GPL-2.0-or-later
/* fast.log: one line an alert. */
#include "output/eve.h"

static void write_line(struct output_worker *w, const struct packet *p, const struct alert *a)
{
	char when[40], src[ADDRESS_TEXT], dst[ADDRESS_TEXT], number[4];
	const struct signature *s = a->sig;
	bool drop = w->outputs->context.ips && a->action & (ACTION_DROP | ACTION_REJECT | ACTION_REJECT_DST | ACTION_REJECT_BOTH);
	clock_format_fast(p->time, when);
	buffer_clear(&w->scratch);
	buffer_printf(&w->scratch, "%s  %s[**] [%u:%u:%u] %s [**] [Classification: %s] [Priority: %u]", when, drop ? "[Drop] " : "", s->gid, s->sid,
		      s->rev, s->msg ? s->msg : "(null)", s->class_text && s->class_text[0] ? s->class_text : "(null)", s->priority);
	if (p->ip_version)
		buffer_printf(&w->scratch, " {%s} %s:%u -> %s:%u", eve_proto_name(p->proto, number), address_format(&p->src, src),
			      p->is_icmp || p->is_icmp6 ? p->icmp.type : p->sport, address_format(&p->dst, dst),
			      p->is_icmp || p->is_icmp6 ? p->icmp.code : p->dport);
	buffer_add_byte(&w->scratch, '\n');
	sink_write(w->outputs->fast, w->scratch.data, w->scratch.len);
}

void fast_alerts(struct output_worker *w, struct packet *p)
{
	const struct detect_scratch *s = w->detect;
	for (unsigned i = 0; i < s->n_alerts; i++)
		if (!(s->alert[i].sig->flags & SIG_NOALERT))
			write_line(w, p, &s->alert[i]);
}
