// SPDX-License-Identifier: GPL-2.0-or-later
/* IANA's names for DNS types, return codes and opcodes. A hole in a list is an empty word, which nothing in a rule can mean. */
#include "app/dns/dns.h"

#define NONE8 "", "", "", "", "", "", "", ""
#define NONE32 NONE8, NONE8, NONE8, NONE8

const char *const dns_type_names[] = {
	"", "A", "NS", "MD", "MF", "CNAME", "SOA", "MB", "MG", "MR", "NULL", "WKS", "PTR", "HINFO", "MINFO", "MX", "TXT", "RP", "AFSDB",
	"X25", "ISDN", "RT", "NSAP", "NSAPPTR", "SIG", "KEY", "PX", "GPOS", "AAAA", "LOC", "NXT", "EID", "NIMLOC", "SRV", "ATMA", "NAPTR",
	"KX", "CERT", "A6", "DNAME", "SINK", "OPT", "APL", "DS", "SSHFP", "IPSECKEY", "RRSIG", "NSEC", "DNSKEY", "DHCID", "NSEC3",
	"NSEC3PARAM", "TLSA", "SMIMEA", "", "HIP", "NINFO", "RKEY", "TALINK", "CDS", "CDNSKEY", "OPENPGPKEY", "CSYNC", "ZONEMD", "", "HTTPS",
	NONE32, "", "SPF", "UINFO", "UID", "GID", "UNSPEC", "NID", "L32", "L64", "LP", "EUI48", "EUI64", NONE32, NONE32, NONE32, NONE32, "",
	"", "", "", "", "", "", "", "", "", "", "TKEY", "TSIG", "IXFR", "AXFR", "MAILB", "MAILA", "ANY", "URI", "CAA", "AVC", "DOA",
	"AMTRELAY", NULL,
};

const char *const dns_rcode_names[] = {
	"NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED", "YXDOMAIN", "YXRRSET", "NXRRSET", "NOTAUTH", "NOTZONE", "DSOTYPENI", NULL,
};

const char *const dns_opcode_names[] = {"QUERY", "IQUERY", "STATUS", "", "NOTIFY", "UPDATE", "DSO", NULL};

const char *dns_type_name(uint16_t type)
{
	const char *name = type < sizeof dns_type_names / sizeof *dns_type_names ? dns_type_names[type] : NULL;
	return name && *name ? name : NULL;
}

const char *dns_rcode_name(unsigned rcode)
{
	return rcode < sizeof dns_rcode_names / sizeof *dns_rcode_names ? dns_rcode_names[rcode] : NULL;
}
