// SPDX-License-Identifier: GPL-2.0-or-later
/* Names of RFC 1035: labels, and pointers to names elsewhere in the message. */
#include "app/dns/dns.h"

enum { POINTER = 0xc0 };

struct walk {
	struct bytes message;
	size_t at;      /* where the next label is read */
	size_t end;     /* behind the name where it stands; 0: no pointer followed yet */
	unsigned labels, jumps;
	uint8_t out[DNS_MAX_NAME];
	size_t n;
	uint8_t flags;
};

static void label_add(struct walk *w, struct bytes label)
{
	size_t dot = w->labels ? 1 : 0;
	if (w->n + dot + label.len > DNS_MAX_NAME) {
		size_t room = DNS_MAX_NAME - w->n;
		if (dot && room) {
			w->out[w->n++] = '.';
			room--;
		}
		memcpy(w->out + w->n, label.data, room);
		w->n += room;
		w->flags |= DNS_NAME_TOO_LONG;
		return;
	}
	if (dot)
		w->out[w->n++] = '.';
	memcpy(w->out + w->n, label.data, label.len);
	w->n += label.len;
}

/* False: the pointer leads out of the message. */
static bool pointer_follow(struct walk *w)
{
	if (w->message.len - w->at < 2)
		return false;
	size_t to = load_be16(w->message.data + w->at) & 0x3fff;
	if (!w->end)
		w->end = w->at + 2;
	if (to >= w->message.len)
		return false;
	if (to == w->at || ++w->jumps > DNS_MAX_JUMPS)
		w->flags |= DNS_NAME_LOOP;
	w->at = to;
	return true;
}

/*
 * A name that is cut off (too long, too many labels, a loop) ends there with its flag. Once a pointer was followed its end in
 * the message is known; before, its labels are still walked to find it.
 */
static bool walk(struct walk *w)
{
	while (w->at < w->message.len) {
		uint8_t first = w->message.data[w->at];
		if (first == 0) {
			w->at++;
			return true;
		}
		if ((first & POINTER) == POINTER) {
			if (!pointer_follow(w))
				return false;
		} else if (first & POINTER) {
			return false; /* RFC 6891 section 5: extended labels are gone */
		} else {
			struct bytes label = bytes_slice(w->message, w->at + 1, first);
			if (label.len < first)
				return false;
			if (!w->flags)
				label_add(w, label);
			w->at += 1 + (size_t)first;
			if (++w->labels >= DNS_MAX_LABELS)
				w->flags |= DNS_NAME_LABELS;
		}
		if (w->flags && w->end)
			return true;
	}
	return false;
}

bool dns_name_read(struct bytes message, size_t *offset, struct arena *arena, size_t *budget, struct dns_name *out)
{
	struct walk w;
	w.message = message;
	w.at = *offset;
	w.end = w.n = w.labels = w.jumps = 0;
	w.flags = 0;
	if (!walk(&w) || w.n > *budget)
		return false;
	*budget -= w.n;
	*offset = w.end ? w.end : w.at;
	const uint8_t *text = w.n ? arena_copy(arena, w.out, w.n) : (const uint8_t *)"";
	if (!text)
		return false;
	*out = (struct dns_name){{text, w.n}, w.flags};
	return true;
}
