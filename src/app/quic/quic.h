// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * QUIC versions 1 and 2 and the drafts with the same protection of Initial packets (RFC 9000, 9001, 9369), and the headers of
 * Google's versions before it. What the keys of Initial packets open is read: CRYPTO frames make up the hello of each side, and
 * src/app/tls reads that. Each packet that tells something is a transaction of its own, in its own direction alone; once a
 * side's hello is known nothing more can be read of it.
 *
 * What a connection holds is bounded: fragments of one hello a side, QUIC_MAX_CRYPTO bytes in QUIC_MAX_FRAGMENTS pieces.
 */
#pragma once

#include "app/app.h"
#include "app/tls/tls.h"

enum {
	QUIC_MAX_CID = 20, QUIC_MAX_CRYPTO = 65535, QUIC_MAX_FRAGMENTS = 128, QUIC_MAX_DATAGRAM = 65535, QUIC_TAG = 16, QUIC_SAMPLE = 16,
	QUIC_GOOGLE_HASH = 12, QUIC_VERSION_2 = 0x6b3343cf, QUIC_MAX_PACKETS = 16, /* coalesced in one datagram */
};

enum quic_event {
#define EVENT(id, name) QUIC_EVENT_##id,
#include "app/quic/events.def"
#undef EVENT
	QUIC_EVENT_N_
};
extern const char *const quic_event_names[];

enum quic_type { QUIC_INITIAL, QUIC_0RTT, QUIC_HANDSHAKE, QUIC_RETRY, QUIC_VERSION_NEGOTIATION, QUIC_SHORT };

struct quic_header {
	enum quic_type type;
	uint32_t version;
	struct bytes dcid, scid;
	size_t len;      /* of the header: where the (protected) packet number stands; Google's: where frames stand */
	size_t payload;  /* bytes that belong to the packet behind it */
};

struct quic_secret { /* of one direction */
	uint8_t key[16], iv[12], hp[16];
};

struct quic_keys {
	struct quic_secret side[2]; /* by direction: of the client, of the server */
};

struct quic_fragment {
	uint32_t offset, len; /* in the stream of CRYPTO frames */
	uint32_t at;          /* in `bytes` */
};

struct quic_crypto { /* fragments of one direction's hello, in order of their offsets */
	struct quic_fragment fragment[QUIC_MAX_FRAGMENTS];
	unsigned n;
	struct buffer bytes;
};

struct quic_state {
	bool has_keys, retried;  /* one Retry counts: a client lets a second one lie (RFC 9000 17.2.5.2) */
	struct quic_keys keys;
	bool hello[2];           /* has been read: what follows is encrypted with keys that we do not have */
	struct quic_crypto *crypto[2];
};

struct quic_tx {
	struct tls_tx tls;       /* first: the hello of its direction, if has_hello */
	uint8_t direction;
	uint8_t version[4];
	struct bytes sni, ua;    /* of a Google CHLO, or of the ClientHello */
	struct bytes cyu;        /* "46,PAD-SNI-…" */
	char cyu_hash[33];
};

/* What one packet said. Views into the datagram or the decrypted copy. */
struct quic_said {
	bool too_long;           /* more of CRYPTO frames than is kept */
	struct bytes chlo;       /* what follows the tag CHLO in a Google stream */
};

/* header.c: the header of the packet at the beginning of `data`. False: it is none. */
bool quic_header_read(struct bytes data, struct quic_header *out);
bool quic_varint(struct reader *r, uint64_t *out);
/* "Q046" for those of Google's versions that are read, else 0. */
bool quic_is_google(uint32_t version);

/* crypto.c: a version whose keys are known. */
bool quic_is_known(uint32_t version);
/* Keys by the client's first destination connection id (RFC 9001 5.2). False: not a version whose keys are known. */
bool quic_keys_make(struct quic_keys *k, uint32_t version, struct bytes dcid);
/*
 * Takes off the protection of a packet: `packet` begins with its header (which is `header_len` long up to the packet number) and ends
 * with it. `out` has room for packet.len bytes. False: it is not protected with these keys.
 */
bool quic_unprotect(const struct quic_secret *s, struct bytes packet, size_t header_len, uint8_t *out, struct bytes *payload);

/* frames.c. False: a frame is cut off. `crypto` may be NULL: CRYPTO frames are skipped. */
bool quic_frames_read(struct bytes payload, struct quic_crypto *crypto, struct quic_said *said);
/* The whole first handshake message, copied into the arena; empty: it is not there yet. */
struct bytes quic_crypto_message(const struct quic_crypto *c, struct arena *arena);
bool quic_crypto_complete(const struct quic_crypto *c);
/* Google's tags: fills sni, ua, cyu. False: malformed. */
bool quic_chlo_read(struct quic_tx *t, uint32_t version, struct bytes data);

/* parser.c */
int quic_open(struct app_flow *a);
void quic_close(struct app_flow *a);
enum app_result quic_parse(struct app_flow *a, int direction, struct app_input *in);

/* buffers.c, log.c */
enum { N_QUIC_KEYWORDS = 11 };
extern const struct app_keyword quic_keywords[N_QUIC_KEYWORDS];
bool quic_log(struct json *j, struct app_flow *a, struct app_tx *tx, int direction, const struct app_log_options *o);
