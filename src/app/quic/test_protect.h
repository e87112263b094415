// SPDX-License-Identifier: GPL-2.0-or-later
/* For tests and the fuzz target: an Initial packet of version 1 around frames, protected as RFC 9001 5 says. */
#pragma once

#include "app/quic/quic.h"

#include <nettle/aes.h>
#include <nettle/gcm.h>

enum { PROTECTED_HEAD = 1 + 4 + 1 + 8 + 1 + 1 + 2 + 4, PROTECTED_MAX = 4096 };

static const uint8_t rfc_dcid[8] = {0x83, 0x94, 0xc8, 0xf0, 0x3e, 0x51, 0x57, 0x08}; /* RFC 9001 A */

/* `out` has room for PROTECTED_HEAD + frames.len + QUIC_TAG; returns the length. The packet number is 4 bytes long. */
static inline size_t protect(int direction, uint32_t number, struct bytes frames, uint8_t *out)
{
	struct quic_keys k;
	struct gcm_aes128_ctx gcm;
	struct aes128_ctx hp;
	uint8_t nonce[12], mask[16], *p = out;
	quic_keys_make(&k, 1, bytes_of(rfc_dcid, sizeof rfc_dcid));
	const struct quic_secret *s = &k.side[direction];
	*p++ = 0xc3;
	store_be32(p, 1);
	p[4] = 8;
	memcpy(p + 5, rfc_dcid, 8);
	p[13] = p[14] = 0; /* no source id, no token */
	store_be16(p + 15, (uint16_t)(0x4000 | (4 + frames.len + QUIC_TAG)));
	store_be32(p + 17, number);
	memcpy(nonce, s->iv, sizeof nonce);
	for (unsigned i = 0; i < 4; i++)
		nonce[8 + i] ^= p[17 + i];
	p = out + PROTECTED_HEAD;
	gcm_aes128_set_key(&gcm, s->key);
	gcm_aes128_set_iv(&gcm, sizeof nonce, nonce);
	gcm_aes128_update(&gcm, PROTECTED_HEAD, out);
	gcm_aes128_encrypt(&gcm, frames.len, p, frames.data);
	gcm_aes128_digest(&gcm, QUIC_TAG, p + frames.len);
	aes128_set_encrypt_key(&hp, s->hp);
	aes128_encrypt(&hp, sizeof mask, mask, p);
	out[0] ^= mask[0] & 0x0f;
	for (unsigned i = 0; i < 4; i++)
		p[-4 + (int)i] ^= mask[1 + i];
	return PROTECTED_HEAD + frames.len + QUIC_TAG;
}
