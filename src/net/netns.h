// SPDX-License-Identifier: GPL-2.0-or-later
/* Network namespaces, and a user namespace of one's own where the rights for them are missing. All of these concern the calling thread. */
#pragma once

#include "base/error.h"

/* A new network namespace, entered; returns a descriptor that keeps it (close on exec). -errno with words. */
int netns_new(struct error *error);
int netns_enter(int fd, struct error *error);
/* Becomes root of a new user namespace: for processes without privileges, before they have threads. */
int userns_become_root(struct error *error);
/* A file system of one's own for this process and its children: what is mounted there others do not see. */
int mounts_new(struct error *error);
/* The folder is empty there, made if need be. -errno. */
int mounts_hide(const char *folder);
/* Goes into that of another process, staying in the same folder. */
int mounts_enter(int fd, struct error *error);
/* Writes a file below /proc/sys/net of the namespace one is in. */
int netns_sysctl(const char *name, const char *value, struct error *error);
