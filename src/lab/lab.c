// SPDX-License-Identifier: GPL-2.0-or-later
#include "lab/lab.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "net/netns.h"
#include "net/rtnl.h"

const char *const lab_host_names[] = {"client", "gateway", "server", NULL};
const char *const lab_server_address[2] = {"198.51.100.2", "2001:db8:2::2"};

struct device {
	enum lab_host host;
	const char *name;
	const char *address[2];
	const char *via[2]; /* default routes; NULL: none */
};

static const struct device devices[] = {
	{LAB_CLIENT, "eth0", {"10.23.1.2", "fd23:1::2"}, {"10.23.1.1", "fd23:1::1"}},
	{LAB_GATEWAY, "inside", {"10.23.1.1", "fd23:1::1"}, {NULL, NULL}},
	{LAB_GATEWAY, "outside", {"198.51.100.1", "2001:db8:2::1"}, {NULL, NULL}},
	{LAB_SERVER, "eth0", {"198.51.100.2", "2001:db8:2::2"}, {"198.51.100.1", "2001:db8:2::1"}},
};

int lab_host_find(const char *name)
{
	for (int i = 0; i < LAB_N_; i++)
		if (strcmp(lab_host_names[i], name) == 0)
			return i;
	return -1;
}

int lab_enter(const struct lab *lab, enum lab_host host, struct error *error)
{
	return netns_enter(lab->netns[host], error);
}

static int make_pairs(const struct lab *lab, struct error *error)
{
	int r = lab_enter(lab, LAB_GATEWAY, error);
	if (r < 0)
		return r;
	struct rtnl *n = rtnl_open(error);
	if (!n)
		return -EIO;
	r = rtnl_veth_add(n, "inside", "eth0", lab->netns[LAB_CLIENT], error);
	if (r == 0)
		r = rtnl_veth_add(n, "outside", "eth0", lab->netns[LAB_SERVER], error);
	rtnl_close(n);
	return r;
}

static int set_up_device(struct rtnl *n, const struct device *d, struct error *error)
{
	static const unsigned prefix_len[2] = {24, 64};
	struct address a;
	int r = rtnl_link_up(n, d->name, error);
	for (int i = 0; i < 2 && r == 0; i++) {
		address_parse(bytes_of_string(d->address[i]), &a);
		r = rtnl_address_add(n, d->name, &a, prefix_len[i], error);
		if (r == 0 && d->via[i]) {
			address_parse(bytes_of_string(d->via[i]), &a);
			r = rtnl_default_route_add(n, &a, error);
		}
	}
	return r;
}

static int set_up_host(const struct lab *lab, enum lab_host host, struct error *error)
{
	int r = lab_enter(lab, host, error);
	struct rtnl *n = r == 0 ? rtnl_open(error) : NULL;
	if (!n)
		return -EIO;
	/* link-local addresses, too, are to be ready at once */
	(void)netns_sysctl("ipv6/conf/all/accept_dad", "0", NULL);
	(void)netns_sysctl("ipv6/conf/default/accept_dad", "0", NULL);
	r = rtnl_link_up(n, "lo", error);
	for (size_t i = 0; i < sizeof devices / sizeof *devices && r == 0; i++)
		if (devices[i].host == host)
			r = set_up_device(n, &devices[i], error);
	if (r == 0 && host == LAB_GATEWAY)
		r = netns_sysctl("ipv4/ip_forward", "1", error);
	if (r == 0 && host == LAB_GATEWAY)
		r = netns_sysctl("ipv6/conf/all/forwarding", "1", error);
	rtnl_close(n);
	return r;
}

/* Root without the right to make namespaces (in a container) may still make a user namespace. */
static int make_namespaces(struct lab *lab, struct error *error)
{
	bool own = false;
	for (int i = 0; i < LAB_N_; i++) {
		int fd = own || geteuid() == 0 ? netns_new(error) : -EPERM;
		if (fd == -EPERM && !own && i == 0) {
			int r = userns_become_root(error);
			if (r < 0)
				return r;
			own = true;
			fd = netns_new(error);
		}
		if (fd < 0)
			return fd;
		lab->netns[i] = fd;
	}
	return 0;
}

/* What a sluice in the lab keeps (its socket, its state, its blocks) is not that of the machine's. A machine that does not allow it has a lab all the same. */
static void hide_folders(void)
{
	struct error error;
	if (mounts_new(&error) < 0)
		return;
	if (mounts_hide("/run/sluice") < 0)
		(void)mounts_hide("/run");
	(void)mounts_hide("/var/lib/sluice");
}

int lab_make(struct lab *lab, struct error *error)
{
	int r = make_namespaces(lab, error);
	if (r == 0)
		hide_folders();
	if (r == 0)
		r = make_pairs(lab, error);
	for (int i = 0; i < LAB_N_ && r == 0; i++)
		r = set_up_host(lab, (enum lab_host)i, error);
	if (r == 0)
		r = lab_enter(lab, LAB_GATEWAY, error);
	return r;
}

/* Processes whose network namespace is one of the lab's, but for ourselves. */
static unsigned signal_inhabitants(const struct lab *lab, int number)
{
	struct stat ns[LAB_N_], st;
	for (int i = 0; i < LAB_N_; i++)
		if (fstat(lab->netns[i], &ns[i]) < 0)
			return 0;
	DIR *d = opendir("/proc");
	unsigned n = 0;
	for (struct dirent *e; d && (e = readdir(d));) {
		char path[300];
		pid_t pid = (pid_t)atoi(e->d_name);
		snprintf(path, sizeof path, "/proc/%s/ns/net", e->d_name);
		if (pid <= 0 || pid == getpid() || stat(path, &st) < 0)
			continue;
		for (int i = 0; i < LAB_N_; i++)
			if (st.st_ino == ns[i].st_ino && st.st_dev == ns[i].st_dev)
				n += kill(pid, number) == 0;
	}
	if (d)
		closedir(d);
	return n;
}

static void end_inhabitants(const struct lab *lab)
{
	enum { TRIES = 20, PAUSE = 100000 };
	if (!signal_inhabitants(lab, SIGTERM))
		return;
	for (int i = 0; i < TRIES; i++) {
		usleep(PAUSE);
		if (!signal_inhabitants(lab, 0))
			return;
	}
	signal_inhabitants(lab, SIGKILL);
}

void lab_end(struct lab *lab)
{
	end_inhabitants(lab);
	for (int i = 0; i < LAB_N_; i++)
		if (lab->netns[i] >= 0)
			close(lab->netns[i]);
}

pid_t lab_spawn(const struct lab *lab, enum lab_host host, char *const argv[], int out, struct error *error)
{
	pid_t parent = getpid(), pid = fork();
	if (pid < 0)
		return error_set(error, errno, "cannot start %s: %s", argv[0], strerror(errno));
	if (pid)
		return pid;
	struct error why;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(127);
	if (lab_enter(lab, host, &why) < 0) {
		dprintf(2, "sluice: %s\n", why.text);
		_exit(127);
	}
	if (out >= 0)
		dup2(out, 1);
	execvp(argv[0], argv);
	dprintf(2, "sluice: %s: %s\n", argv[0], strerror(errno));
	_exit(127);
}
