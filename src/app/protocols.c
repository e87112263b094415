// SPDX-License-Identifier: GPL-2.0-or-later
/* All protocols: a row each. The order is that of stats and of `sluice list`. */
#include "app/protocols.h"

const struct app_proto *const app_protocols[] = {
	&app_http, &app_ftp, &app_smtp, &app_tls, &app_ssh, &app_imap, &app_smb, &app_dcerpc, &app_dns, &app_modbus, &app_enip, &app_dnp3,
	&app_nfs, &app_ntp, &app_ftp_data, &app_tftp, &app_ike, &app_krb5, &app_quic, &app_dhcp, &app_sip, &app_rfb, &app_mqtt,
	&app_pgsql, &app_telnet, &app_websocket, &app_ldap, &app_doh2, &app_rdp, &app_http2, &app_bittorrent_dht, &app_pop3, &app_mdns,
	&app_snmp, NULL,
};

size_t app_protocol_index(const struct app_proto *p)
{
	size_t i = 0;
	while (app_protocols[i] && app_protocols[i] != p)
		i++;
	return i;
}

const struct app_proto *app_protocol_find(const char *name)
{
	for (size_t i = 0; app_protocols[i]; i++)
		if (strcmp(app_protocols[i]->name, name) == 0)
			return app_protocols[i];
	for (size_t i = 0; app_protocols[i]; i++)
		for (const char *const *n = app_protocols[i]->rule_names; n && *n; n++)
			if (strcmp(*n, name) == 0)
				return app_protocols[i];
	return NULL;
}
