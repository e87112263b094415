// SPDX-License-Identifier: GPL-2.0-or-later
/* What the configuration says of protocols, and what each worker has for them. */
#include "app/context.h"

#include <stdio.h>
#include <stdlib.h>

static size_t count_protocols(void)
{
	size_t n = 0;
	while (app_protocols[n])
		n++;
	return n;
}

/* "app-layer.protocols.X[.tcp].enabled": yes, no, detection-only. */
static enum app_enabled read_enabled(struct conf *conf, const struct app_proto *p, const char *transport)
{
	enum app_enabled absent = p->off_by_default ? APP_OFF : APP_PARSE;
	char name[160];
	snprintf(name, sizeof name, "app-layer.protocols.%s.%s.enabled", p->setting, transport);
	const char *value = conf ? conf_string(conf, name, NULL) : NULL;
	if (!value) {
		snprintf(name, sizeof name, "app-layer.protocols.%s.enabled", p->setting);
		value = conf ? conf_string(conf, name, NULL) : NULL;
	}
	if (!value)
		return absent;
	if (strcmp(value, "detection-only") == 0)
		return APP_DETECT;
	return conf_is_true(value) ? APP_PARSE : APP_OFF;
}

enum { LEAST_MEMCAP = 16 << 10 }; /* less would not hold one conversation: the protocol would be off */

/* Of HTTP more may wait at once than of others. */
static int read_memcap(struct app_memory_pool *m, const struct app_proto *p, struct conf *conf, struct error *error)
{
	char name[160];
	m->cap = strcmp(p->name, "http") == 0 ? UINT64_C(256) << 20 : UINT64_C(64) << 20;
	snprintf(name, sizeof name, "app-layer.protocols.%s.memcap", p->setting);
	int rc = conf ? conf_size(conf, name, &m->cap, error) : 0;
	if (m->cap && m->cap < LEAST_MEMCAP)
		m->cap = LEAST_MEMCAP;
	return rc;
}

static int read_protocol(struct app_context *c, size_t i, struct conf *conf, struct error *error)
{
	const struct app_proto *p = app_protocols[i];
	struct app_proto_context *pc = &c->proto[i];
	if (p->transports & APP_TRANSPORT_TCP)
		pc->enabled[0] = read_enabled(conf, p, "tcp");
	if (p->transports & APP_TRANSPORT_UDP)
		pc->enabled[1] = read_enabled(conf, p, "udp");
	int64_t max_tx = p->max_tx ? p->max_tx : APP_MAX_TX;
	char name[160];
	snprintf(name, sizeof name, "app-layer.protocols.%s.max-tx", p->setting);
	if (conf && conf_int(conf, name, &max_tx, error) < 0)
		return -1;
	pc->max_tx = max_tx < 1 ? 1 : max_tx > UINT32_MAX ? UINT32_MAX : (uint32_t)max_tx;
	if (!p->recognise_only && read_memcap(&pc->memory, p, conf, error) < 0)
		return -1;
	if (!p->configure)
		return 0;
	pc->settings = p->configure(conf, error);
	return pc->settings ? 0 : -1;
}

struct app_context *app_context_new(struct conf *conf, bool ips, struct error *error)
{
	struct app_context *c = xcalloc(1, sizeof *c);
	c->n = count_protocols();
	c->ips = ips;
	c->proto = xcalloc(c->n, sizeof *c->proto);
	if (conf && exception_policy_read(conf, "app-layer.memcap-policy", ips, false, &c->memcap_policy, error)) {
		app_context_free(c);
		return NULL;
	}
	for (size_t i = 0; i < c->n; i++)
		if (read_protocol(c, i, conf, error) < 0) {
			app_context_free(c);
			return NULL;
		}
	c->recogniser = app_recogniser_new(c, conf, error);
	if (!c->recogniser) {
		app_context_free(c);
		return NULL;
	}
	return c;
}

void app_context_free(struct app_context *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->n; i++)
		if (app_protocols[i]->unconfigure && c->proto[i].settings)
			app_protocols[i]->unconfigure(c->proto[i].settings);
	app_recogniser_free(c->recogniser);
	free(c->proto);
	free(c);
}

static const struct app_proto_context *of(const struct app_context *c, const struct app_proto *p)
{
	return &c->proto[app_protocol_index(p)];
}

bool app_enabled(const struct app_context *c, const struct app_proto *p)
{
	return of(c, p)->enabled[0] == APP_PARSE || of(c, p)->enabled[1] == APP_PARSE;
}

bool app_detect_enabled(const struct app_context *c, const struct app_proto *p)
{
	return of(c, p)->enabled[0] != APP_OFF || of(c, p)->enabled[1] != APP_OFF;
}

bool app_transport_enabled(const struct app_context *c, const struct app_proto *p, bool udp, bool *parser)
{
	enum app_enabled e = of(c, p)->enabled[udp];
	if (parser)
		*parser = e == APP_PARSE && !p->recognise_only;
	return e != APP_OFF;
}

void *app_settings(const struct app_context *c, const struct app_proto *p)
{
	return of(c, p)->settings;
}

bool app_is_ips(const struct app_context *c)
{
	return c->ips;
}

int app_memcap_policy(const struct app_context *c)
{
	return c->memcap_policy;
}

/* Workers' figures are added up; what the cap is goes in once. */
static void tell_cap(struct app_worker *w, struct app_context *c)
{
	for (size_t i = 0; i < c->n && w->counters; i++)
		if (strcmp(app_protocols[i]->name, "http") == 0 && !atomic_exchange(&c->cap_told, true))
			w->counters->value[COUNTER_HTTP_MEMCAP] = c->proto[i].memory.cap;
}

int app_worker_init(struct app_worker *w, const struct app_context *c, struct counters *counters)
{
	*w = (struct app_worker){.context = c, .counters = counters, .inline_mode = c->ips};
	uint64_t(*rows)[2] = calloc(c->n * 5, sizeof *rows);
	w->memory = calloc(c->n, sizeof *w->memory);
	if (!rows || !w->memory) {
		free(rows);
		free(w->memory);
		return -1;
	}
	app_memory_init(w);
	tell_cap(w, (struct app_context *)(uintptr_t)c);
	w->flows = rows;
	w->txs = rows + c->n;
	w->errors = rows + c->n * 2;
	w->gap_errors = rows + c->n * 3;
	w->alloc_errors = rows + c->n * 4;
	slab_init(&w->flow_slab, sizeof(struct app_flow));
	slab_init(&w->tx_slab, APP_TX_BLOCK);
	return 0;
}

void app_worker_deinit(struct app_worker *w)
{
	app_memory_deinit(w);
	free(w->memory);
	free(w->flows);
	slab_free(&w->flow_slab);
	slab_free(&w->tx_slab);
	*w = (struct app_worker){0};
}
