// SPDX-License-Identifier: GPL-2.0-or-later
/* The descriptors that protocols.c lists. */
#pragma once

#include "app/app.h"

extern const struct app_proto app_quic, app_http, app_tls, app_dns, app_ftp, app_ldap, app_pop3, app_rfb;

/* recognise_only.c: no parser yet. */
extern const struct app_proto app_smtp, app_ssh, app_imap, app_smb, app_dcerpc, app_nfs, app_ntp, app_ftp_data, app_tftp, app_ike,
	app_krb5, app_dhcp, app_sip, app_mqtt, app_telnet, app_websocket, app_doh2, app_rdp, app_http2,
	app_bittorrent_dht, app_mdns, app_snmp, app_modbus, app_dnp3, app_enip, app_pgsql;
