// SPDX-License-Identifier: GPL-2.0-or-later
/* Names of commands; the ports that commands and replies speak of. */
#include "app/ftp/ftp.h"

#include <stdlib.h>

/* RFC 959 4.1, 775, 2428, 3659. AUTH, FEAT and the like are no commands to Suricata, whose records are ours. */
static const struct {
	const char *name;
	enum ftp_kind kind;
} commands[] = {
	{"ABOR", FTP_PLAIN}, {"ACCT", FTP_PLAIN}, {"ALLO", FTP_PLAIN}, {"APPE", FTP_PLAIN}, {"CDUP", FTP_PLAIN}, {"CWD", FTP_PLAIN},
	{"DELE", FTP_PLAIN}, {"EPRT", FTP_EPRT}, {"EPSV", FTP_EPSV}, {"HELP", FTP_PLAIN}, {"LIST", FTP_PLAIN}, {"MDTM", FTP_PLAIN},
	{"MKD", FTP_PLAIN}, {"MODE", FTP_PLAIN}, {"NLST", FTP_PLAIN}, {"NOOP", FTP_PLAIN}, {"PASS", FTP_PLAIN}, {"PASV", FTP_PASV},
	{"PORT", FTP_PORT}, {"PWD", FTP_PLAIN}, {"QUIT", FTP_PLAIN}, {"REIN", FTP_PLAIN}, {"REST", FTP_PLAIN}, {"RETR", FTP_FILE},
	{"RMD", FTP_PLAIN}, {"RNFR", FTP_PLAIN}, {"RNTO", FTP_PLAIN}, {"SITE", FTP_PLAIN}, {"SIZE", FTP_PLAIN}, {"SMNT", FTP_PLAIN},
	{"STAT", FTP_PLAIN}, {"STOR", FTP_FILE}, {"STOU", FTP_PLAIN}, {"STRU", FTP_PLAIN}, {"SYST", FTP_PLAIN}, {"TYPE", FTP_PLAIN},
	{"USER", FTP_PLAIN},
};

struct bytes ftp_command_find(struct bytes word, enum ftp_kind *kind)
{
	*kind = FTP_PLAIN;
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
		struct bytes name = bytes_of_string(commands[i].name);
		if (bytes_equal_nocase(word, name)) {
			*kind = commands[i].kind;
			return name;
		}
	}
	return (struct bytes){0};
}

static bool read_number(struct bytes text, size_t *at, unsigned max, unsigned *out)
{
	size_t from = *at;
	*out = 0;
	while (*at < text.len && text.data[*at] >= '0' && text.data[*at] <= '9' && *out <= max)
		*out = *out * 10 + (unsigned)(text.data[(*at)++] - '0');
	return *at > from && *out <= max;
}

/* h1,h2,h3,h4,p1,p2 */
static uint16_t read_six(struct bytes text, size_t at)
{
	unsigned v[6];
	for (int i = 0; i < 6; i++) {
		if (i && (at >= text.len || text.data[at++] != ','))
			return 0;
		if (!read_number(text, &at, 255, &v[i]))
			return 0;
	}
	return (uint16_t)(v[4] << 8 | v[5]);
}

/* |…|…|port|, the sign being any: RFC 2428 2 and 3 */
static uint16_t read_extended(struct bytes text, size_t at)
{
	unsigned port, signs = 0;
	if (at >= text.len)
		return 0;
	uint8_t sign = text.data[at];
	for (; at < text.len && signs < 3; at++)
		signs += text.data[at] == sign;
	return signs == 3 && read_number(text, &at, 65535, &port) && at < text.len && text.data[at] == sign ? (uint16_t)port : 0;
}

uint16_t ftp_port_read(enum ftp_kind kind, struct bytes text)
{
	size_t at = 0;
	ptrdiff_t open = bytes_find(text, BYTES_LITERAL("("), 0);
	switch (kind) {
	case FTP_PORT:
		return read_six(text, 0);
	case FTP_EPRT:
		return read_extended(text, 0);
	case FTP_PASV: /* RFC 1123 4.1.2.6: there may be no parentheses */
		for (at = open < 0 ? 0 : (size_t)open + 1; at < text.len && (text.data[at] < '0' || text.data[at] > '9'); at++)
			;
		return read_six(text, at);
	case FTP_EPSV:
		return open < 0 ? 0 : read_extended(text, (size_t)open + 1);
	default:
		return 0;
	}
}
