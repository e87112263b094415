// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The normalised URI of http.uri: path (which libhtp has decoded), query and fragment; with uri-include-all also what stands
 * before the path. The query is decoded here.
 */
#include "app/http/http.h"

static void decode(struct http_tx *t, enum htp_decoder_ctx_t context, bstr *part, bool twice)
{
	uint64_t flags = 0;
	size_t before = bstr_len(part);
	if (twice)
		htp_urldecode_inplace(t->htp->cfg, context, part, &flags);
	if (twice && bstr_len(part) != before)
		http_event(t, HTTP_EVENT_DOUBLE_ENCODED_URI);
}

struct piece {
	const char *before;
	const bstr *text;
	const char *behind;
};

static size_t put(uint8_t *out, const char *text)
{
	size_t n = strlen(text);
	if (out)
		memcpy(out, text, n);
	return n;
}

static struct bytes join(struct http_tx *t, const struct piece *piece, size_t n)
{
	size_t len = 0;
	for (size_t i = 0; i < n; i++)
		if (piece[i].text)
			len += put(NULL, piece[i].before) + bstr_len(piece[i].text) + put(NULL, piece[i].behind);
	uint8_t *out = len ? arena_alloc(&t->tx.arena, len) : NULL, *p = out;
	for (size_t i = 0; i < n && out; i++) {
		if (!piece[i].text)
			continue;
		p += put(p, piece[i].before);
		memcpy(p, bstr_ptr(piece[i].text), bstr_len(piece[i].text));
		p += bstr_len(piece[i].text);
		p += put(p, piece[i].behind);
	}
	return bytes_of(out, out ? len : 0);
}

void http_uri_normalize(struct http_tx *t)
{
	htp_uri_t *u = t->htp->parsed_uri;
	if (!u)
		return;
	uint64_t flags = 0;
	if (u->path)
		decode(t, HTP_DECODER_URL_PATH, u->path, t->config->double_decode_path);
	if (u->query) {
		htp_urldecode_inplace(t->htp->cfg, HTP_DECODER_URLENCODED, u->query, &flags);
		decode(t, HTP_DECODER_URLENCODED, u->query, t->config->double_decode_query);
	}
	bool all = t->config->uri_include_all;
	const struct piece pieces[] = {
		{"", all ? u->scheme : NULL, "://"}, {"", all ? u->username : NULL, ":"}, {"", all ? u->password : NULL, "@"},
		{"", all ? u->hostname : NULL, ""}, {":", all ? u->port : NULL, ""}, {"", u->path, ""}, {"?", u->query, ""}, {"#", u->fragment, ""},
	};
	t->uri = join(t, pieces, sizeof pieces / sizeof *pieces);
}
