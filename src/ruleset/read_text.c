// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A text in nft's syntax: libnftables reads it in a child process, in which a stub is the kernel, and the messages that it would send come back through a
 * pipe. A child, because libnftables ends the program when it is at a loss, and because the stub stands in for calls of the whole process.
 */
#include "ruleset/read_text.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <nftables/libnftables.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ruleset/stub.h"

enum { WORDS_MAX = 4096, UNKNOWN_DEVICES = 64, TEXT_MAX = 64 << 20, MESSAGE_MAX = 1 << 24, INVENTED_FROM = 100 };

/* ---- devices that the text may name ---- */

struct devices {
	struct stub_device *item;
	size_t n;
	uint32_t next;
};

static bool devices_have(const struct devices *d, const char *name)
{
	for (size_t i = 0; i < d->n; i++)
		if (strcmp(d->item[i].name, name) == 0)
			return true;
	return false;
}

static void devices_add(struct devices *d, const char *name, uint32_t index)
{
	if (d->n >= WORDS_MAX || !*name || strlen(name) >= sizeof d->item->name || devices_have(d, name))
		return;
	if ((d->n & (d->n - 1)) == 0)
		d->item = xrealloc(d->item, (d->n ? d->n * 2 : 1) * sizeof *d->item);
	struct stub_device *new = &d->item[d->n++];
	*new = (struct stub_device){.index = index ? index : d->next++};
	memcpy(new->name, name, strlen(name) + 1);
	d->next = new->index >= d->next ? new->index + 1 : d->next;
}

static void devices_of_system(struct devices *d)
{
	struct if_nameindex *list = if_nameindex();
	for (struct if_nameindex *i = list; i && i->if_index; i++)
		devices_add(d, i->if_name, i->if_index);
	if (list)
		if_freenameindex(list);
	d->next = d->next < INVENTED_FROM ? INVENTED_FROM : d->next;
}

static size_t word_len(const char *p)
{
	size_t n = 0;
	while (isalnum((unsigned char)p[n]) || (p[n] && strchr("_.-@", p[n])))
		n++;
	return n;
}

/* nft wants a number for `iif eth0`. A device may be missing here, and be there where the text will be loaded: words after iif and oif, or where
 * variables are used, all of them, are taken for devices. */
static void devices_of_text(struct devices *d, const char *text)
{
	bool numbered = false;
	for (int pass = 0; pass < 2; pass++) {
		for (const char *p = text; *p;) {
			size_t n = word_len(p);
			char word[16];
			if (n == 0 || n >= sizeof word || isdigit((unsigned char)*p)) {
				p += n ? n : 1;
				continue;
			}
			memcpy(word, p, n);
			word[n] = 0;
			p += n;
			if (pass == 0)
				numbered |= strcmp(word, "iif") == 0 || strcmp(word, "oif") == 0;
			else
				devices_add(d, word, 0);
		}
		if (!numbered)
			return;
	}
}

/* The word that nft underlines in its complaint. */
static bool device_of_error(const char *message, char out[16])
{
	const char *at = strstr(message, "Interface does not exist"), *line = at ? strchr(at, '\n') : NULL, *marks = line ? strchr(line + 1, '\n') : NULL;
	const char *mark = marks ? strchr(marks + 1, '^') : NULL;
	if (!mark)
		return false;
	size_t column = (size_t)(mark - (marks + 1)), length = (size_t)(marks - (line + 1));
	if (column >= length)
		return false;
	const char *word = line + 1 + column;
	word += *word == '"';
	size_t n = word_len(word);
	if (n == 0 || n >= 16)
		return false;
	memcpy(out, word, n);
	out[n] = 0;
	return true;
}

/* ---- the child ---- */

struct reading {
	FILE *out;
	const char *path, *text;
	struct devices *devices;
};

static void pass_on(void *context, const struct nlmsghdr *m)
{
	struct reading *r = context;
	static const uint8_t padding[4];
	fwrite(m, 1, m->nlmsg_len, r->out);
	fwrite(padding, 1, NLMSG_ALIGN(m->nlmsg_len) - m->nlmsg_len, r->out);
}

static void send_own(struct reading *r, uint16_t type, const void *data, size_t len)
{
	union {
		struct nlmsghdr head;
		uint8_t bytes[NLMSG_SPACE(4096)];
	} m = {0};
	len = len < 4096 ? len : 4096;
	m.head.nlmsg_len = (uint32_t)NLMSG_LENGTH(len);
	m.head.nlmsg_type = type;
	memcpy(NLMSG_DATA(&m.head), data, len);
	pass_on(r, &m.head);
}

static int run_nft(struct nft_ctx *nft, const struct reading *r)
{
	if (!r->path)
		nft_ctx_output_set_flags(nft, NFT_CTX_OUTPUT_JSON);
	return r->path ? nft_run_cmd_from_filename(nft, r->path) : nft_run_cmd_from_buffer(nft, r->text);
}

/* true: a device was missing, and is there now. */
static bool try_once(struct reading *r, struct stub *stub, bool may_repeat)
{
	char missing[16];
	struct nft_ctx *nft = nft_ctx_new(NFT_CTX_DEFAULT);
	nft_ctx_set_dry_run(nft, true);
	nft_ctx_buffer_output(nft);
	nft_ctx_buffer_error(nft);
	int code = run_nft(nft, r);
	const char *message = nft_ctx_get_error_buffer(nft);
	bool again = code != 0 && may_repeat && device_of_error(message, missing) && !devices_have(r->devices, missing);
	if (again)
		devices_add(r->devices, missing, 0);
	else if (code != 0)
		send_own(r, NLMSG_ERROR, message, strlen(message) + 1);
	else
		send_own(r, NLMSG_DONE, &stub->reached, sizeof stub->reached);
	nft_ctx_free(nft);
	return again;
}

static void child(int fd, struct reading *r)
{
	static const int ends[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL};
	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
		signal(ends[i], SIG_DFL);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	r->out = fdopen(fd, "w");
	struct stub stub = {.message = pass_on, .context = r};
	for (int i = 0;; i++) {
		stub.devices = r->devices->item;
		stub.n_devices = r->devices->n;
		stub_begin(&stub);
		bool again = try_once(r, &stub, i < UNKNOWN_DEVICES);
		stub_end();
		if (!again)
			break;
	}
	for (size_t i = 0; i < r->devices->n; i++)
		send_own(r, RTM_NEWLINK, &r->devices->item[i], sizeof *r->devices->item);
	_exit(fflush(r->out) == 0 ? 0 : 1);
}

/* ---- the parent ---- */

struct receiving {
	struct decoder *d;
	struct devices devices;
	struct error *error;
	bool ended;
	int code;
};

static int complain(struct receiving *r, const char *message)
{
	int line = 0, column = 0;
	const char *at = strstr(message, ": Error:"), *start = at;
	while (start && start > message && start[-1] != '\n')
		start--;
	const char *colon = start ? strchr(start, ':') : NULL;
	if (colon && colon < at)
		sscanf(colon, ":%d:%d", &line, &column);
	size_t n = strlen(message);
	while (n && message[n - 1] == '\n')
		n--;
	int code = error_set(r->error, EINVAL, "%.*s", (int)n, n ? message : "nft refuses the text without a word");
	if (r->error) {
		r->error->line = line;
		r->error->column = column;
	}
	return code;
}

static void take(struct receiving *r, const struct nlmsghdr *m)
{
	size_t len = m->nlmsg_len - NLMSG_HDRLEN;
	const void *data = NLMSG_DATA(m);
	if (m->nlmsg_type == NLMSG_ERROR && len) {
		char text[512];
		snprintf(text, sizeof text, "%.*s", (int)len, (const char *)data);
		r->code = complain(r, text);
		r->ended = true;
	} else if (m->nlmsg_type == NLMSG_DONE) {
		bool reached = len && *(const bool *)data;
		r->ended = true;
		if (!reached && r->code == 0)
			r->code = error_set(r->error, ENOTSUP, "this libnftables sends in a way that is not known here");
	} else if (m->nlmsg_type == RTM_NEWLINK && len >= sizeof(struct stub_device)) {
		const struct stub_device *s = data;
		devices_add(&r->devices, s->name, s->index);
	} else if (r->code == 0 && decoder_message(r->d, m) < 0) {
		r->code = error_set(r->error, ENOMEM, "out of memory");
	}
}

static void receive(struct receiving *r, int fd)
{
	FILE *in = fdopen(fd, "r");
	struct buffer b = {0};
	struct nlmsghdr head;
	while (in && fread(&head, sizeof head, 1, in) == 1) {
		size_t whole = NLMSG_ALIGN((size_t)head.nlmsg_len);
		buffer_clear(&b);
		if (head.nlmsg_len < sizeof head || whole > MESSAGE_MAX || !buffer_reserve(&b, whole))
			break;
		memcpy(b.data, &head, sizeof head);
		if (fread(b.data + sizeof head, 1, whole - sizeof head, in) != whole - sizeof head)
			break;
		take(r, (const struct nlmsghdr *)b.data);
	}
	buffer_free(&b);
	if (in)
		fclose(in);
}

static void name_devices(struct receiving *r)
{
	struct ruleset *rs = decoder_ruleset(r->d);
	uint32_t highest = 0;
	for (size_t i = 0; i < r->devices.n; i++)
		highest = r->devices.item[i].index > highest ? r->devices.item[i].index : highest;
	rs->device_names = highest < 1 << 20 ? decoder_alloc(r->d, (highest + 1) * sizeof *rs->device_names) : NULL;
	rs->n_devices = rs->device_names ? highest + 1 : 0;
	for (size_t i = 0; i < r->devices.n && rs->device_names; i++)
		rs->device_names[r->devices.item[i].index] = decoder_text(r->d, bytes_of_string(r->devices.item[i].name));
}

static int fork_child(struct reading *r, pid_t *pid, struct error *error)
{
	int pipe_fd[2];
	if (pipe2(pipe_fd, O_CLOEXEC) < 0)
		return error_set(error, errno, "pipe: %s", strerror(errno));
	fflush(NULL);
	*pid = fork();
	if (*pid == 0) {
		close(pipe_fd[0]);
		child(pipe_fd[1], r);
	}
	close(pipe_fd[1]);
	if (*pid < 0) {
		int code = errno;
		close(pipe_fd[0]);
		return error_set(error, code, "fork: %s", strerror(code));
	}
	return pipe_fd[0];
}

int nft_text_decode(struct decoder *d, const char *path, const char *text, struct error *error)
{
	struct devices devices = {.next = 1};
	struct buffer content = {0};
	pid_t pid = -1;
	devices_of_system(&devices);
	if (path && file_read(path, TEXT_MAX, &content, error) < 0) {
		free(devices.item);
		return -EINVAL;
	}
	devices_of_text(&devices, path ? buffer_string(&content) : text);
	buffer_free(&content);
	struct reading r = {.path = path, .text = text, .devices = &devices};
	struct receiving in = {.d = d, .error = error, .devices = {.next = 1}};
	int fd = fork_child(&r, &pid, error), status = 0;
	if (fd >= 0) {
		receive(&in, fd);
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
		name_devices(&in);
		if (in.code == 0 && (!in.ended || status != 0))
			in.code = error_set(error, EINVAL, "%s: libnftables gave up on it", path ? path : "the JSON");
	}
	free(devices.item);
	free(in.devices.item);
	return fd < 0 ? fd : in.code;
}
