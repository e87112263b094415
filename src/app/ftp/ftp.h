// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * FTP's control connection (RFC 959, 2428). A command and the replies to it are a transaction; the greeting is one without
 * command. Replies belong to commands in their order; a preliminary one (1yz) keeps its transaction open. A reply of several
 * lines is taken as far as it is in hand, as Suricata does: what comes later is a transaction without command.
 */
#pragma once

#include "app/line.h"

enum {
	FTP_MAX_TX = 1024,            /* app-layer.protocols.ftp.max-tx */
	FTP_MAX_LINE = 4096,          /* app-layer.protocols.ftp.max-line-length */
	FTP_MAX_REPLIES = 64 * 1024,  /* bytes of replies that a transaction keeps */
};

enum ftp_event {
#define EVENT(id, name) FTP_EVENT_##id,
#include "app/ftp/events.def"
#undef EVENT
	FTP_EVENT_N_
};

struct ftp_settings {
	uint64_t max_line;
};

struct ftp_reply { /* a line */
	struct bytes code, text; /* code empty: it has none with a space behind, text is the whole line */
	struct ftp_reply *next;
};

enum ftp_kind { FTP_PLAIN, FTP_PORT, FTP_EPRT, FTP_PASV, FTP_EPSV, FTP_FILE };

struct ftp_tx {
	struct app_tx tx;     /* first */
	struct bytes command; /* in capitals; empty: none, or not a known one */
	struct bytes data;    /* its argument */
	enum ftp_kind kind;
	bool asked;           /* there was a command, known or not */
	bool data_cut, reply_cut;
	bool answered;        /* a reply that is not preliminary came */
	bool active;
	uint16_t port;        /* of the data connection that was agreed on; 0: none */
	struct ftp_reply *first, *last;
	size_t kept;
	struct {              /* where the last instance was, as they are asked for in order: lines, codes */
		const struct ftp_reply *at;
		unsigned index;
	} cursor[2];
};

static inline bool ftp_has_mode(const struct ftp_tx *t)
{
	return t->kind == FTP_PORT || t->kind == FTP_EPRT || t->kind == FTP_PASV || t->kind == FTP_EPSV;
}

/* commands.c */
struct bytes ftp_command_find(struct bytes word, enum ftp_kind *kind); /* empty: not known */
/* The port in an argument of PORT or EPRT, in the text of a reply 227 or 229. 0: there is none that makes sense. */
uint16_t ftp_port_read(enum ftp_kind kind, struct bytes text);

/* parser.c */
int ftp_open(struct app_flow *a);
void ftp_close(struct app_flow *a);
enum app_result ftp_parse(struct app_flow *a, int direction, struct app_input *in);

/* log.c */
bool ftp_log(struct json *j, struct app_flow *a, struct app_tx *tx, int direction, const struct app_log_options *o);
