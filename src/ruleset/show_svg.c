// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The drawing: a card for each hook, in three columns as packets go (arriving; for this machine, through, from this machine; leaving), in it the stations from
 * top to bottom. A lane for IP, one for bridges, one for ARP. Colours are classes, so that a viewer in dark gets the dark ones.
 */
#include <linux/netfilter_arp.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "ruleset/print.h"
#include "ruleset/show.h"

enum {
	CARD_WIDTH = 400,
	GAP = 80,
	MARGIN = 24,
	TITLE = 34,
	CHAIN = 44,
	KERNEL = 22,
	BELOW = 18, /* between two cards */
	TOP = 74,
	COLUMNS = 3,
	LANES = 3,
	OWNERS = 10,
	TEXT_MAX = 56, /* letters in a line of a card */
	MONO_MAX = 44,
};

struct card {
	const struct show_section *section;
	int lane, column, x, y, height;
};

struct drawing {
	FILE *out;
	const struct show *show;
	struct card *card;
	size_t n;
	const char *owner[OWNERS]; /* a colour each; those beyond share the last */
	size_t n_owners;
	int height;
};

/* ---- text ---- */

static void put_text(FILE *out, const char *text, size_t max)
{
	size_t n = 0;
	for (const char *p = text; *p; p++) {
		unsigned char c = (unsigned char)*p;
		if (n++ == max) {
			fputs("…", out);
			return;
		}
		if (c == '<')
			fputs("&lt;", out);
		else if (c == '>')
			fputs("&gt;", out);
		else if (c == '&')
			fputs("&amp;", out);
		else if (c == '"')
			fputs("&quot;", out);
		else if (c >= 0x20 && c < 0x7f)
			putc(c, out);
		else
			putc('?', out);
	}
}

static void text_at(struct drawing *d, int x, int y, const char *class, const char *text, size_t max)
{
	fprintf(d->out, "<text x=\"%d\" y=\"%d\" class=\"%s\">", x, y, class);
	put_text(d->out, text, max);
	fputs("</text>\n", d->out);
}

/* ---- owners ---- */

static size_t owner_number(struct drawing *d, const struct ruleset_table *t)
{
	const char *name = ruleset_owner(t);
	name = name ? name : t->name;
	for (size_t i = 0; i < d->n_owners; i++)
		if (strcmp(d->owner[i], name) == 0)
			return i;
	if (d->n_owners == OWNERS)
		return OWNERS - 1;
	d->owner[d->n_owners] = name;
	return d->n_owners++;
}

/* ---- places ---- */

static void place_card(struct card *c)
{
	uint32_t family = c->section->family, hook = c->section->hook;
	const char *name = ruleset_hook_name(family, hook);
	c->lane = family == NFPROTO_BRIDGE ? 1 : family == NFPROTO_ARP ? 2 : 0;
	c->column = strcmp(name, "ingress") == 0 || strcmp(name, "prerouting") == 0 ? 0 : strcmp(name, "postrouting") == 0 || strcmp(name, "egress") == 0 ? 2 : 1;
	c->x = MARGIN + c->column * (CARD_WIDTH + GAP);
	c->height = TITLE + 8;
	for (size_t i = 0; i < c->section->n; i++)
		c->height += c->section->stations[i].kind == STATION_KERNEL ? KERNEL : CHAIN;
}

static void place_all(struct drawing *d)
{
	int top = TOP;
	for (int lane = 0; lane < LANES; lane++) {
		int bottom[COLUMNS] = {top, top, top}, deepest = top;
		for (size_t i = 0; i < d->n; i++) {
			struct card *c = &d->card[i];
			if (c->lane != lane)
				continue;
			c->y = bottom[c->column];
			bottom[c->column] += c->height + BELOW;
			deepest = bottom[c->column] > deepest ? bottom[c->column] : deepest;
		}
		top = deepest + (deepest > top ? BELOW : 0);
	}
	d->height = top;
}

/* ---- drawing ---- */

static void draw_style(struct drawing *d)
{
	static const char *const light[OWNERS] = {"#1f6feb", "#b35900", "#1a7f37", "#8250df", "#bf3989", "#0a7ea4", "#7d6608", "#a40e26", "#0f766e", "#57606a"};
	static const char *const dark[OWNERS] = {"#58a6ff", "#f0883e", "#3fb950", "#bc8cff", "#f778ba", "#39c5cf", "#d4b106", "#ff8f8f", "#2dd4bf", "#8b949e"};
	fputs("<style>\n"
	      "text{font-family:'DejaVu Sans',Verdana,Arial,sans-serif;font-size:12px;fill:#1f2328}\n"
	      ".page{fill:#ffffff}.card{fill:#f6f8fa;stroke:#c8ced5}.head{font-size:14px;font-weight:bold}.big{font-size:18px;font-weight:bold}\n"
	      ".number{text-anchor:end;fill:#57606a;font-family:'DejaVu Sans Mono',monospace;font-size:11px}.name{font-weight:bold}\n"
	      ".facts{font-size:11px;fill:#57606a}.kernel{font-size:11px;fill:#57606a;font-style:italic}.owner{text-anchor:end;font-size:11px}\n"
	      ".row{fill:#ffffff;stroke:#dfe3e8}.queue{fill:#fff4d6;stroke:#d4a72c}.drop{fill:#cf222e}.way{fill:none;stroke:#8c959f;stroke-width:2}\n"
	      ".tip{fill:#8c959f}.line{stroke:#d8dee4}\n", d->out);
	for (int i = 0; i < OWNERS; i++)
		fprintf(d->out, ".o%d{fill:%s}\n", i, light[i]);
	fputs("@media (prefers-color-scheme:dark){\n"
	      "text{fill:#e6edf3}.page{fill:#0d1117}.card{fill:#161b22;stroke:#30363d}.number,.facts,.kernel{fill:#9aa4ae}\n"
	      ".row{fill:#0d1117;stroke:#30363d}.queue{fill:#332701;stroke:#9e6a03}.drop{fill:#ff7b72}.way{stroke:#6e7681}.tip{fill:#6e7681}.line{stroke:#30363d}\n", d->out);
	for (int i = 0; i < OWNERS; i++)
		fprintf(d->out, ".o%d{fill:%s}\n", i, dark[i]);
	fputs("}\n</style>\n", d->out);
}

static void draw_kernel(struct drawing *d, const struct card *c, const struct station *s, int y)
{
	char text[128], number[16];
	snprintf(text, sizeof text, "%s%s%s", s->name, s->flowtable ? " " : "", s->flowtable ? s->flowtable->name : "");
	snprintf(number, sizeof number, "%d", s->priority);
	fprintf(d->out, "<line class=\"line\" x1=\"%d\" y1=\"%d\" x2=\"%d\" y2=\"%d\"/>\n", c->x + 58, y + KERNEL / 2, c->x + 66, y + KERNEL / 2);
	if (s->priority != INT32_MAX)
		text_at(d, c->x + 48, y + 15, "number", number, 12);
	text_at(d, c->x + 72, y + 15, "kernel", text, TEXT_MAX);
}

static void put_facts(const struct ruleset_chain *c, const struct chain_facts *f, struct buffer *out)
{
	buffer_printf(out, "%s, ", c->type);
	if (c->policy == NF_DROP)
		buffer_add_string(out, "policy drop, ");
	buffer_printf(out, "%u rule%s", f->n_rules, f->n_rules == 1 ? "" : "s");
	if (f->n_chains)
		buffer_printf(out, " in %u chains", f->n_chains + 1);
	size_t at = out->len;
	chain_facts_text(f, out);
	if (out->len > at) {
		struct buffer tail = {0};
		buffer_add(&tail, out->data + at, out->len - at);
		out->len = at;
		buffer_printf(out, "; %s", buffer_string(&tail));
		buffer_free(&tail);
	}
}

static void draw_chain(struct drawing *d, const struct card *c, const struct station *s, int y)
{
	const struct ruleset_chain *chain = s->chain;
	const char *owner = ruleset_owner(chain->table);
	size_t colour = owner_number(d, chain->table);
	struct chain_facts facts;
	struct buffer words = {0};
	char name[160], number[16], owner_class[16];
	chain_facts(d->show->rs, chain, &facts);
	put_facts(chain, &facts, &words);
	snprintf(name, sizeof name, "%s %s %s", ruleset_family_name(chain->table->family), chain->table->name, chain->name);
	snprintf(number, sizeof number, "%d", s->priority);
	snprintf(owner_class, sizeof owner_class, "owner o%zu", colour);
	fprintf(d->out, "<g><title>");
	put_text(d->out, name, 300);
	fputs(": ", d->out);
	put_text(d->out, buffer_string(&words), 400);
	fprintf(d->out, "</title>\n<rect class=\"%s\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"4\"/>\n", facts.n_queues ? "queue" : "row", c->x + 56, y + 2,
		CARD_WIDTH - 66, CHAIN - 5);
	fprintf(d->out, "<rect class=\"o%zu\" x=\"%d\" y=\"%d\" width=\"5\" height=\"%d\" rx=\"2\"/>\n", colour, c->x + 56, y + 2, CHAIN - 5);
	if (chain->policy == NF_DROP)
		fprintf(d->out, "<circle class=\"drop\" cx=\"%d\" cy=\"%d\" r=\"4\"/>\n", c->x + CARD_WIDTH - 20, y + 31);
	size_t owner_len = owner ? strlen(owner) : 0, room = owner_len + 2 < MONO_MAX ? MONO_MAX - owner_len - 2 : 10;
	text_at(d, c->x + 48, y + 18, "number", number, 12);
	text_at(d, c->x + 68, y + 18, "name", name, room);
	if (owner)
		text_at(d, c->x + CARD_WIDTH - 16, y + 18, owner_class, owner, 24);
	text_at(d, c->x + 68, y + 34, "facts", buffer_string(&words), TEXT_MAX - 8);
	fputs("</g>\n", d->out);
	buffer_free(&words);
}

static void draw_card(struct drawing *d, const struct card *c)
{
	int y = c->y + TITLE;
	fprintf(d->out, "<rect class=\"card\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"8\"/>\n", c->x, c->y, CARD_WIDTH, c->height);
	text_at(d, c->x + 14, c->y + 22, "head", c->section->title, TEXT_MAX);
	for (size_t i = 0; i < c->section->n; i++) {
		const struct station *s = &c->section->stations[i];
		if (s->kind == STATION_KERNEL)
			draw_kernel(d, c, s, y);
		else
			draw_chain(d, c, s, y);
		y += s->kind == STATION_KERNEL ? KERNEL : CHAIN;
	}
}

/* From the head of one card to that of the next column's. */
static void draw_way(struct drawing *d, const struct card *from, const struct card *to)
{
	int x1 = from->x + CARD_WIDTH, y1 = from->y + TITLE / 2, x2 = to->x - 8, y2 = to->y + TITLE / 2, middle = (x1 + x2) / 2;
	fprintf(d->out, "<path class=\"way\" d=\"M%d %d C%d %d %d %d %d %d\"/>\n", x1, y1, middle, y1, middle, y2, x2, y2);
	fprintf(d->out, "<path class=\"tip\" d=\"M%d %d l-9 -5 l0 10 z\"/>\n", x2 + 8, y2);
}

static const char *hook_of(const struct card *c)
{
	return ruleset_hook_name(c->section->family, c->section->hook);
}

/* A card without a family in its title stands for both. */
static bool families_meet(const struct card *a, const struct card *b)
{
	bool both_a = strstr(a->section->title, "IPv4, IPv6") != NULL, both_b = strstr(b->section->title, "IPv4, IPv6") != NULL;
	return a->lane == b->lane && (both_a || both_b || a->section->family == b->section->family);
}

static void draw_ways(struct drawing *d)
{
	static const char *const ways[][2] = {{"prerouting", "input"}, {"prerouting", "forward"}, {"forward", "postrouting"}, {"output", "postrouting"}};
	for (size_t w = 0; w < sizeof ways / sizeof *ways; w++)
		for (size_t i = 0; i < d->n; i++)
			for (size_t k = 0; k < d->n; k++)
				if (strcmp(hook_of(&d->card[i]), ways[w][0]) == 0 && strcmp(hook_of(&d->card[k]), ways[w][1]) == 0 &&
				    families_meet(&d->card[i], &d->card[k]))
					draw_way(d, &d->card[i], &d->card[k]);
}

static void draw_legend(struct drawing *d)
{
	int x = MARGIN, y = d->height + 14;
	for (size_t i = 0; i < d->n_owners; i++) {
		fprintf(d->out, "<rect class=\"o%zu\" x=\"%d\" y=\"%d\" width=\"12\" height=\"12\" rx=\"2\"/>\n", i, x, y - 10);
		text_at(d, x + 18, y, "facts", i + 1 == OWNERS ? "others" : d->owner[i], 24);
		x += 150;
		if (x > MARGIN + 8 * 150) {
			x = MARGIN;
			y += 20;
		}
	}
	y += 22;
	fprintf(d->out, "<rect class=\"queue\" x=\"%d\" y=\"%d\" width=\"12\" height=\"12\" rx=\"2\"/>\n", MARGIN, y - 10);
	text_at(d, MARGIN + 18, y, "facts", "hands packets to a queue", 40);
	fprintf(d->out, "<circle class=\"drop\" cx=\"%d\" cy=\"%d\" r=\"4\"/>\n", MARGIN + 206, y - 4);
	text_at(d, MARGIN + 218, y, "facts", "policy drop", 40);
	text_at(d, MARGIN + 330, y, "facts", "from top to bottom as the kernel calls them; numbers are priorities; in italics the kernel's own stations", 120);
}

void show_svg(FILE *out, const struct show *s)
{
	size_t n;
	struct show_section *sections = show_sections(s, &n);
	struct drawing d = {.out = out, .show = s, .card = xcalloc(n + 1, sizeof *d.card), .n = n};
	char title[160];
	int width = 2 * MARGIN + COLUMNS * CARD_WIDTH + (COLUMNS - 1) * GAP;
	for (size_t i = 0; i < n; i++) {
		d.card[i].section = &sections[i];
		place_card(&d.card[i]);
	}
	place_all(&d);
	int rows = 3 * 22;
	fprintf(out, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\">\n", width, d.height + rows, width, d.height + rows);
	draw_style(&d);
	fputs("<rect class=\"page\" width=\"100%\" height=\"100%\"/>\n", out);
	snprintf(title, sizeof title, "%s: %u chains, %u rules", s->rs->live ? "the loaded ruleset" : s->rs->source, s->rs->n_chains, s->rs->n_rules);
	text_at(&d, MARGIN, 34, "big", title, 100);
	text_at(&d, MARGIN, 56, "facts", "arriving", 20);
	text_at(&d, MARGIN + CARD_WIDTH + GAP, 56, "facts", "for this machine, through it, from it", 60);
	text_at(&d, MARGIN + 2 * (CARD_WIDTH + GAP), 56, "facts", "leaving", 20);
	draw_ways(&d);
	for (size_t i = 0; i < n; i++)
		draw_card(&d, &d.card[i]);
	draw_legend(&d);
	fputs("</svg>\n", out);
	free(d.card);
	show_sections_free(sections, n);
}
