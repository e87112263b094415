// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * TLS 1.0 to 1.3 and its drafts, SSL 3.0, SSL 2.0's hello: the handshake as far as it is in the clear. One transaction a
 * connection. Once both sides encrypt, only the record headers are walked (encryption-handling decides how much of that).
 *
 * A record is read when it is there as a whole; handshake messages that span records are gathered, up to a limit. What is shown
 * of certificates is copied into the transaction's arena.
 */
#pragma once

#include "app/app.h"
#include "app/tls/x509.h"

enum tls_client_state { TLS_CLIENT_IN_PROGRESS, TLS_CLIENT_HELLO_DONE, TLS_CLIENT_CERT_DONE, TLS_CLIENT_HANDSHAKE_DONE, TLS_CLIENT_FINISHED };
enum tls_server_state {
	TLS_SERVER_IN_PROGRESS, TLS_SERVER_HELLO, TLS_SERVER_CERT_DONE, TLS_SERVER_HELLO_DONE, TLS_SERVER_HANDSHAKE_DONE, TLS_SERVER_FINISHED,
};

enum {
	TLS_MAX_RECORD = 16384 + 2048, TLS_MAX_MESSAGE = 128 * 1024, TLS_MAX_CERTIFICATES = 32, TLS_MAX_ALPN = 64, TLS_RANDOM = 32,
	SSL_2 = 0x0002, SSL_3 = 0x0300, TLS_1_0 = 0x0301, TLS_1_1 = 0x0302, TLS_1_2 = 0x0303, TLS_1_3 = 0x0304,
	TLS_1_3_OLD_DRAFT = 0x7f01, /* any before draft 16 */
};

enum tls_event {
#define EVENT(id, name) TLS_EVENT_##id,
#include "app/tls/events.def"
#undef EVENT
	TLS_EVENT_N_
};
extern const char *const tls_event_names[];

enum tls_encrypted { TLS_TRACK_ONLY, TLS_FULL, TLS_BYPASS };
enum tls_fingerprints { TLS_WHEN_WANTED, TLS_ALWAYS, TLS_NEVER };

struct tls_settings {
	int encrypted;  /* enum tls_encrypted */
	int ja3, ja4;   /* enum tls_fingerprints */
};

/* What rules may ask by ssl_state. */
enum tls_seen {
	TLS_SEEN_CLIENT_HELLO = 1, TLS_SEEN_SERVER_HELLO = 2, TLS_SEEN_CLIENT_KEYX = 4, TLS_SEEN_SERVER_KEYX = 8, TLS_SEEN_UNKNOWN = 16,
};

struct tls_numbers {
	uint16_t *v;
	unsigned n;
};

struct tls_side { /* what one side said */
	uint16_t version;              /* of its hello, or of its first record; 0: nothing yet */
	bool has_hello, has_certificate;
	uint8_t random[TLS_RANDOM];
	struct bytes session_id;
	struct tls_numbers ciphers, extensions; /* as sent */
	struct bytes *alpn;
	unsigned n_alpn;
	struct bytes *certificate;     /* DER, the first TLS_MAX_CERTIFICATES */
	unsigned n_certificates;       /* may be more than are kept */
	struct x509 x509;              /* of the first */
	char fingerprint[60];
};

struct tls_state;

struct tls_tx {
	struct app_tx tx;              /* first */
	struct tls_state *owner;
	bool event_only;               /* made after the handshake's, for an event */
	struct tls_side side[2];
	struct bytes sni;
	bool refused; /* the server answered with a fatal alert */
	bool wants_client_certificate, changed_cipher[2], sent_data[2];
	uint8_t seen;                  /* enum tls_seen */
	struct tls_numbers signature_algorithms, groups, versions; /* of the client's hello */
	struct bytes point_formats;
	struct bytes ja3, ja3s;        /* strings; empty: not computed */
	char ja3_hash[33], ja3s_hash[33], ja4[40];
};

struct tls_io { /* one direction's record layer */
	struct buffer handshake;       /* the beginning of a message that spans records */
	uint32_t skip;                 /* bytes of a record that is not looked at */
	uint32_t handshake_skip;       /* bytes of a message that is too long */
	bool encrypted, is_tls;        /* a TLS record was seen: no SSL 2.0 any more */
	bool heartbeat_sent;
	uint32_t heartbeat_len;
};

struct tls_state {
	struct tls_tx *tx;             /* the handshake's; NULL once it is done with */
	struct tls_io io[2];
	bool both_encrypted;
	uint16_t negotiated;           /* 0: the server has said nothing yet */
	bool had_tx;
};

/* Where things are told to: all NULL-safe once the transaction is gone. */
struct tls_context {
	struct app_flow *a;
	struct tls_state *s;
	int direction;
	usec_t now;
};

/* tls.c */
void tls_event(const struct tls_context *c, enum tls_event event);
const struct tls_settings *tls_settings(const struct app_flow *a);
/* "TLS 1.3", "SSLv2"; numbers that mean nothing are written as such, into `spare`. */
const char *tls_version_name(uint16_t version, char spare[24]);
static inline bool tls_is_1_3(uint16_t v)
{
	return v >= TLS_1_3; /* drafts and experiments have numbers beyond it */
}
static inline bool tls_has_1_3_name(uint16_t v)
{
	return v == TLS_1_3 || (v > 0x7f00 && v <= 0x7f1c) || v == 0xfb17 || v == 0xfb1a;
}
/* RFC 8701. */
static inline bool tls_is_grease(uint16_t v)
{
	return (v & 0x0f0f) == 0x0a0a && v >> 8 == (v & 0xff);
}

/* record.c */
enum app_result tls_parse(struct app_flow *a, int direction, struct app_input *in);
/* A side encrypts from here on. */
void tls_encrypted(const struct tls_context *c);

/* handshake.c: bytes of handshake records, in order. */
void tls_handshake_bytes(const struct tls_context *c, struct bytes data);
/* Lets go of what waits for the rest of its message. */
void tls_handshake_drop(struct app_flow *a, struct tls_io *io);
/* hello.c. False: malformed. */
bool tls_client_hello(const struct tls_context *c, struct bytes body);
bool tls_server_hello(const struct tls_context *c, struct bytes body);
/* certificate.c */
bool tls_certificates(const struct tls_context *c, struct bytes body);
/* ssl2.c: bytes of one record, 0: more is needed, -1: no sense. */
ptrdiff_t tls_ssl2_record(const struct tls_context *c, struct bytes data);

/* ja3.c, ja4.c: for the client's or the server's hello that lies in the transaction. */
void tls_ja3(struct tls_tx *t, uint16_t version);
void tls_ja3s(struct tls_tx *t, uint16_t version);
void tls_ja4(struct tls_tx *t, uint16_t version);

/* buffers.c, log.c */
enum { N_TLS_KEYWORDS = 17 };
extern const struct app_keyword tls_keywords[N_TLS_KEYWORDS];
/* The record says all it can: the certificates have come, or what follows is encrypted. */
bool tls_log_ready(const struct app_flow *a, const struct app_tx *tx);
bool tls_log(struct json *j, struct app_flow *a, struct app_tx *tx, int direction, const struct app_log_options *o);
