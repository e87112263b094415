// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What is shown of an X.509 certificate (RFC 5280): a walk over its DER that takes names, dates, serial number and alternative
 * names, checks nothing cryptographic, and says which part made no sense. Texts lie in the caller's arena.
 */
#pragma once

#include "base/bytes.h"
#include "base/memory.h"

enum { X509_MAX_NAMES = 256, X509_MAX_TEXT = 4096 };

enum x509_part {
	X509_OK, X509_DER, X509_VERSION, X509_SERIAL, X509_ALGORITHM, X509_ISSUER, X509_VALIDITY, X509_DATE, X509_SUBJECT, X509_NAME, X509_EXTENSIONS,
};

struct x509 {
	struct bytes subject, issuer;  /* "C=US, O=Example, CN=www.example.org" */
	struct bytes serial;           /* "00:9A:11" */
	struct bytes *alternative;     /* dNSName and others as text */
	unsigned n_alternative;
	int64_t not_before, not_after; /* seconds since 1970 */
	bool has_validity;
};

/* X509_OK, or the first part that is wrong; `out` has what came before. */
enum x509_part x509_read(struct bytes der, struct arena *arena, struct x509 *out);

/* "2021-01-19T00:00:00" */
void x509_date(int64_t seconds, char out[32]);
/* SHA-1 over the DER: "31:3b:…", 59 characters and NUL. */
void x509_fingerprint(struct bytes der, char out[60]);
