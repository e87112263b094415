// SPDX-License-Identifier: GPL-2.0-or-later
/* Keys of Initial packets and what they protect: RFC 9001 5 and appendix A, RFC 9369 3.3. */
#include "app/quic/quic.h"

#include <nettle/aes.h>
#include <nettle/gcm.h>
#include <nettle/hkdf.h>
#include <nettle/hmac.h>
#include <nettle/memops.h>

static const uint8_t salt_2[20] = {
	0x0d, 0xed, 0xe3, 0xde, 0xf7, 0x00, 0xa6, 0xdb, 0x81, 0x93, 0x81, 0xbe, 0x6e, 0x26, 0x9d, 0xcb, 0xf9, 0xbd, 0x2e, 0xd9,
};
static const uint8_t salt_1[20] = { /* version 1, drafts 33 and 34 */
	0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17, 0x9a, 0xe6, 0xa4, 0xc8, 0x0c, 0xad, 0xcc, 0xbb, 0x7f, 0x0a,
};
static const uint8_t salt_29[20] = { /* drafts 29 to 32 */
	0xaf, 0xbf, 0xec, 0x28, 0x99, 0x93, 0xd2, 0x4c, 0x9e, 0x97, 0x86, 0xf1, 0x9c, 0x61, 0x11, 0xe0, 0x43, 0x90, 0xa8, 0x99,
};
static const uint8_t salt_23[20] = { /* drafts 23 to 28 */
	0xc3, 0xee, 0xf7, 0x12, 0xc7, 0x2e, 0xbb, 0x5a, 0x11, 0xa7, 0xd2, 0x43, 0x2b, 0xb4, 0x63, 0x65, 0xbe, 0xf9, 0xf5, 0x02,
};

static const uint8_t *salt_of(uint32_t version)
{
	if (version == 1)
		return salt_1;
	if (version == QUIC_VERSION_2)
		return salt_2;
	if (version >> 8 != 0xff0000)
		return NULL;
	unsigned draft = version & 0xff;
	return draft < 23 || draft > 34 ? NULL : draft < 29 ? salt_23 : draft < 33 ? salt_29 : salt_1;
}

bool quic_is_known(uint32_t version)
{
	return salt_of(version) != NULL;
}

/* RFC 8446 7.1: HKDF-Expand-Label without context. Labels are ours and short. */
static void expand(const uint8_t secret[32], const char *label, size_t len, uint8_t *out)
{
	struct hmac_sha256_ctx ctx;
	uint8_t info[48];
	size_t n = strlen(label);
	store_be16(info, (uint16_t)len);
	info[2] = (uint8_t)(6 + n);
	memcpy(info + 3, "tls13 ", 6);
	memcpy(info + 9, label, n);
	info[9 + n] = 0;
	hmac_sha256_set_key(&ctx, 32, secret);
	hkdf_expand(&ctx, (nettle_hash_update_func *)hmac_sha256_update, (nettle_hash_digest_func *)hmac_sha256_digest, SHA256_DIGEST_SIZE,
		    10 + n, info, len, out);
}

static void secret_make(struct quic_secret *s, const uint8_t initial[32], const char *label, bool version_2)
{
	uint8_t secret[32];
	expand(initial, label, sizeof secret, secret);
	expand(secret, version_2 ? "quicv2 key" : "quic key", sizeof s->key, s->key);
	expand(secret, version_2 ? "quicv2 iv" : "quic iv", sizeof s->iv, s->iv);
	expand(secret, version_2 ? "quicv2 hp" : "quic hp", sizeof s->hp, s->hp);
}

bool quic_keys_make(struct quic_keys *k, uint32_t version, struct bytes dcid)
{
	const uint8_t *salt = salt_of(version);
	struct hmac_sha256_ctx ctx;
	uint8_t initial[32];
	if (!salt)
		return false;
	hmac_sha256_set_key(&ctx, 20, salt);
	hkdf_extract(&ctx, (nettle_hash_update_func *)hmac_sha256_update, (nettle_hash_digest_func *)hmac_sha256_digest, sizeof initial, dcid.len,
		     dcid.len ? dcid.data : (const uint8_t *)"", initial);
	secret_make(&k->side[TO_SERVER], initial, "client in", salt == salt_2);
	secret_make(&k->side[TO_CLIENT], initial, "server in", salt == salt_2);
	return true;
}

bool quic_unprotect(const struct quic_secret *s, struct bytes packet, size_t header_len, uint8_t *out, struct bytes *payload)
{
	struct bytes sample = bytes_slice(packet, header_len + 4, QUIC_SAMPLE);
	struct aes128_ctx hp;
	struct gcm_aes128_ctx gcm;
	uint8_t mask[16], nonce[12], tag[QUIC_TAG];
	if (sample.len < QUIC_SAMPLE)
		return false;
	aes128_set_encrypt_key(&hp, s->hp);
	aes128_encrypt(&hp, sizeof mask, mask, sample.data);
	unsigned first = packet.data[0] ^ (mask[0] & (packet.data[0] & 0x80 ? 0x0f : 0x1f)), n = (first & 3) + 1;
	size_t head = header_len + n;
	if (packet.len < head + QUIC_TAG)
		return false;
	memcpy(out, packet.data, head);
	out[0] = (uint8_t)first;
	memcpy(nonce, s->iv, sizeof nonce);
	for (unsigned i = 0; i < n; i++) {
		out[header_len + i] ^= mask[1 + i];
		nonce[sizeof nonce - n + i] ^= out[header_len + i];
	}
	size_t len = packet.len - head - QUIC_TAG;
	gcm_aes128_set_key(&gcm, s->key);
	gcm_aes128_set_iv(&gcm, sizeof nonce, nonce);
	gcm_aes128_update(&gcm, head, out);
	gcm_aes128_decrypt(&gcm, len, out + head, packet.data + head);
	gcm_aes128_digest(&gcm, sizeof tag, tag);
	if (!memeql_sec(tag, packet.data + head + len, sizeof tag))
		return false;
	*payload = bytes_of(out + head, len);
	return true;
}
