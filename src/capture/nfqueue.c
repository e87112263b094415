// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/nfqueue.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <inttypes.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/memory.h"

enum {
	BATCH = 32,
	ROOM = 65536 + 4096, /* the largest payload and all attributes beside it */
	SEND_ROOM = 16384,
	RECEIVE_BUFFER = 32 << 20,
	LINK_RAW = 12, /* DLT_RAW */
};

struct queue_socket {
	struct mnl_socket *socket;
	int fd;
	uint16_t number;
	uint32_t last_id; /* of the latest packet; ids have no gaps unless the kernel could not hand a packet over */
	/* a run of equal plain verdicts that is not sent yet: one message will do for all of it */
	bool has_run;
	enum verdict run;
	uint32_t run_last;
};

struct nfqueue {
	struct capture capture;
	unsigned n_queues;
	struct queue_socket queue[NFQUEUE_MAX_QUEUES];
	struct capture_stats stats;
	uint64_t merged_datagrams;
	uint32_t without_gso, without_fail_open;
	const uint16_t *interface_of;
	struct mmsghdr message[BATCH];
	struct iovec vector[BATCH];
	uint8_t *room; /* BATCH × ROOM */
	size_t send_len;
	_Alignas(8) uint8_t send[SEND_ROOM];
};

static struct nlmsghdr *put_header(void *at, int type, uint16_t queue, uint16_t flags)
{
	struct nlmsghdr *m = mnl_nlmsg_put_header(at);
	m->nlmsg_type = (uint16_t)(NFNL_SUBSYS_QUEUE << 8 | type);
	m->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	struct nfgenmsg *g = mnl_nlmsg_put_extra_header(m, sizeof *g);
	g->nfgen_family = AF_UNSPEC;
	g->version = NFNETLINK_V0;
	g->res_id = htons(queue);
	return m;
}

/* ---- verdicts ---- */

static void send_flush(struct nfqueue *n, struct queue_socket *q)
{
	if (n->send_len && mnl_socket_sendto(q->socket, n->send, n->send_len) < 0)
		n->stats.errors++;
	n->send_len = 0;
}

static void send_verdict(struct nfqueue *n, struct queue_socket *q, int type, enum verdict verdict, uint32_t id, const uint32_t *mark)
{
	if (SEND_ROOM - n->send_len < 256)
		send_flush(n, q);
	struct nlmsghdr *m = put_header(n->send + n->send_len, type, q->number, 0);
	struct nfqnl_msg_verdict_hdr h = {.verdict = htonl(verdict == VERDICT_DROP ? NF_DROP : NF_ACCEPT), .id = htonl(id)};
	mnl_attr_put(m, NFQA_VERDICT_HDR, sizeof h, &h);
	if (mark)
		mnl_attr_put_u32(m, NFQA_MARK, htonl(*mark));
	n->send_len += MNL_ALIGN(m->nlmsg_len);
}

static void run_end(struct nfqueue *n, struct queue_socket *q)
{
	if (q->has_run)
		send_verdict(n, q, NFQNL_MSG_VERDICT_BATCH, q->run, q->run_last, NULL);
	q->has_run = false;
}

/* A replacement may be larger than the send buffer: it goes out on its own, straight from where it lies. */
static void send_replacement(struct nfqueue *n, struct queue_socket *q, uint32_t id, struct bytes payload, const uint32_t *mark)
{
	static const uint8_t zero[4];
	send_flush(n, q);
	struct nlmsghdr *m = put_header(n->send, NFQNL_MSG_VERDICT, q->number, 0);
	struct nfqnl_msg_verdict_hdr h = {.verdict = htonl(NF_ACCEPT), .id = htonl(id)};
	mnl_attr_put(m, NFQA_VERDICT_HDR, sizeof h, &h);
	if (mark)
		mnl_attr_put_u32(m, NFQA_MARK, htonl(*mark));
	struct nlattr *a = (void *)(n->send + m->nlmsg_len);
	a->nla_type = NFQA_PAYLOAD;
	a->nla_len = (uint16_t)(MNL_ATTR_HDRLEN + payload.len);
	size_t head = m->nlmsg_len + MNL_ATTR_HDRLEN, pad = MNL_ALIGN(payload.len) - payload.len;
	m->nlmsg_len = (uint32_t)(head + payload.len + pad);
	struct iovec v[] = {{n->send, head}, {(void *)payload.data, payload.len}, {(void *)zero, pad}};
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	struct msghdr out = {.msg_name = &kernel, .msg_namelen = sizeof kernel, .msg_iov = v, .msg_iovlen = 3};
	if (sendmsg(q->fd, &out, 0) < 0)
		n->stats.errors++;
}

static void give_verdict(struct nfqueue *n, struct queue_socket *q, uint32_t id, uint32_t mark, const struct capture_verdict *v)
{
	bool replaced = v->replacement.len && v->replacement.len <= NFQUEUE_COPY_RANGE && v->verdict == VERDICT_ACCEPT;
	/* NFQA_MARK replaces the whole mark, so the bits that are not ours go back as they came */
	uint32_t merged = (mark & ~v->mark_mask) | (v->mark & v->mark_mask);
	bool marked = v->set_mark && merged != mark && v->verdict == VERDICT_ACCEPT;
	if (!replaced && !marked && (!q->has_run || q->run == v->verdict)) {
		q->has_run = true;
		q->run = v->verdict;
		q->run_last = id;
		return;
	}
	run_end(n, q);
	if (replaced) {
		send_replacement(n, q, id, v->replacement, marked ? &merged : NULL);
	} else if (marked) {
		send_verdict(n, q, NFQNL_MSG_VERDICT, v->verdict, id, &merged);
	} else {
		q->has_run = true;
		q->run = v->verdict;
		q->run_last = id;
	}
}

/* ---- packets ---- */

static uint32_t number_of(struct bytes b)
{
	return b.len >= 4 ? load_be32(b.data) : 0;
}

static void take_attribute(struct nfqueue_message *p, unsigned type, struct bytes value)
{
	switch (type) {
	case NFQA_PACKET_HDR:
		p->has_id = value.len >= sizeof(struct nfqnl_msg_packet_hdr);
		p->id = p->has_id ? load_be32(value.data) : 0;
		break;
	case NFQA_MARK:
		p->mark = number_of(value);
		break;
	case NFQA_IFINDEX_INDEV:
		p->ifindex = number_of(value);
		break;
	case NFQA_CAP_LEN:
		p->full_len = number_of(value);
		break;
	case NFQA_SKB_INFO:
		p->info = number_of(value);
		break;
	case NFQA_PAYLOAD:
		p->payload = value;
		break;
	default:
		break;
	}
}

/* libmnl's own walk goes on to the next multiple of four, which may lie behind the buffer. */
static void take_attributes(struct nfqueue_message *p, struct bytes b)
{
	struct nlattr a;
	while (b.len >= sizeof a) {
		memcpy(&a, b.data, sizeof a);
		if (a.nla_len < sizeof a || a.nla_len > b.len)
			return;
		take_attribute(p, a.nla_type & NLA_TYPE_MASK, bytes_slice(b, sizeof a, a.nla_len - sizeof a));
		size_t step = MNL_ALIGN(a.nla_len);
		b = bytes_from(b, step < b.len ? step : b.len);
	}
}

static bool is_udp(struct bytes ip)
{
	return ip.len >= 40 && ((ip.data[0] >> 4 == 4 && ip.data[9] == PROTO_UDP) || (ip.data[0] >> 4 == 6 && ip.data[6] == PROTO_UDP));
}

static struct frame frame_of(struct nfqueue *n, const struct nfqueue_message *p, usec_t now)
{
	struct frame f = {
		.bytes = p->payload,
		.wire_len = p->full_len > p->payload.len ? p->full_len : (uint32_t)p->payload.len,
		.link_type = LINK_RAW,
		.time = now,
	};
	if (p->info & NFQA_SKB_CSUMNOTREADY)
		f.packet_flags |= PACKET_CHECKSUM_PARTIAL;
	else if (!(p->info & NFQA_SKB_CSUM_NOTVERIFIED))
		f.packet_flags |= PACKET_CHECKSUM_READY;
	if (p->info & NFQA_SKB_GSO) {
		f.packet_flags |= PACKET_SUPER;
		n->merged_datagrams += is_udp(p->payload);
	}
	if (f.wire_len > p->payload.len)
		f.packet_flags |= PACKET_TRUNCATED;
	if (n->interface_of && p->ifindex < NFQUEUE_MAX_IFINDEX)
		f.in_interface = n->interface_of[p->ifindex];
	return f;
}

enum nfqueue_kind nfqueue_message_read(const uint8_t *data, size_t len, struct nfqueue_message *out)
{
	const struct nlmsghdr *m = (const void *)data;
	*out = (struct nfqueue_message){0};
	if (len < sizeof *m || len > INT_MAX || !mnl_nlmsg_ok(m, (int)len))
		return NFQUEUE_MALFORMED;
	if (m->nlmsg_type == NLMSG_ERROR)
		return NFQUEUE_ERROR;
	if (m->nlmsg_type != (NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_PACKET))
		return NFQUEUE_OTHER;
	if (m->nlmsg_len < NLMSG_HDRLEN + sizeof(struct nfgenmsg))
		return NFQUEUE_MALFORMED;
	take_attributes(out, bytes_slice(bytes_of(data, m->nlmsg_len), NLMSG_HDRLEN + sizeof(struct nfgenmsg), m->nlmsg_len));
	return out->has_id ? NFQUEUE_PACKET : NFQUEUE_MALFORMED;
}

/*
 * One datagram holds one message for a packet, and one or several answers to verdicts that failed. What cannot be read is counted and left: without
 * a number there is nothing to give a verdict for.
 */
static bool read_message(struct nfqueue *n, struct queue_socket *q, const uint8_t *data, size_t len, usec_t now,
			 struct capture_verdict (*on_frame)(void *, const struct frame *), void *context)
{
	struct nfqueue_message p;
	enum nfqueue_kind kind = nfqueue_message_read(data, len, &p);
	if (kind != NFQUEUE_PACKET) {
		n->stats.errors += kind != NFQUEUE_OTHER;
		return false;
	}
	if (q->last_id && p.id != q->last_id + 1)
		n->stats.dropped += p.id - q->last_id - 1;
	q->last_id = p.id;
	n->stats.received++;
	struct frame f = frame_of(n, &p, now);
	struct capture_verdict v = on_frame(context, &f);
	give_verdict(n, q, p.id, p.mark, &v);
	return true;
}

/* What one queue has now, up to a batch. Returns the number of packets. */
static int read_queue(struct nfqueue *n, struct queue_socket *q, struct capture_verdict (*on_frame)(void *, const struct frame *), void *context)
{
	int got = recvmmsg(q->fd, n->message, BATCH, MSG_DONTWAIT, NULL);
	if (got <= 0) {
		if (got < 0 && errno != EAGAIN && errno != EINTR)
			n->stats.errors++;
		return 0;
	}
	usec_t now = clock_real();
	int packets = 0;
	for (int i = 0; i < got; i++)
		packets += read_message(n, q, n->room + (size_t)i * ROOM, n->message[i].msg_len, now, on_frame, context);
	run_end(n, q);
	send_flush(n, q);
	return packets;
}

static int read_ready(struct nfqueue *n, struct capture_verdict (*on_frame)(void *, const struct frame *), void *context)
{
	int packets = 0;
	for (unsigned i = 0; i < n->n_queues; i++)
		packets += read_queue(n, &n->queue[i], on_frame, context);
	return packets;
}

static int nfqueue_read(struct capture *c, int timeout_ms, struct capture_verdict (*on_frame)(void *, const struct frame *), void *context,
			struct error *error)
{
	struct nfqueue *n = (struct nfqueue *)c;
	int packets = read_ready(n, on_frame, context);
	if (packets || timeout_ms == 0)
		return packets;
	struct pollfd p[NFQUEUE_MAX_QUEUES];
	for (unsigned i = 0; i < n->n_queues; i++)
		p[i] = (struct pollfd){.fd = n->queue[i].fd, .events = POLLIN};
	int ready = poll(p, n->n_queues, timeout_ms);
	if (ready < 0)
		return errno == EINTR ? 0 : error_set(error, errno, "waiting for packets: %s", strerror(errno));
	return ready ? read_ready(n, on_frame, context) : 0;
}

/* The kernel's own count of what it dropped is in a file: queue, port, waiting, mode, range, dropped as full, dropped for lack of buffer. */
static uint64_t kernel_drops(const struct nfqueue *n)
{
	FILE *f = fopen("/proc/net/netfilter/nfnetlink_queue", "re");
	if (!f)
		return 0;
	uint64_t sum = 0;
	unsigned queue, full, user;
	while (fscanf(f, "%u %*d %*u %*u %*u %u %u %*u %*u", &queue, &full, &user) == 3)
		for (unsigned i = 0; i < n->n_queues; i++)
			if (n->queue[i].number == queue)
				sum += full; /* what the buffer refused shows as a gap in the ids */
	fclose(f);
	return sum;
}

static void nfqueue_stats(struct capture *c, struct capture_stats *out)
{
	const struct nfqueue *n = (const struct nfqueue *)c;
	*out = n->stats;
	out->dropped += kernel_drops(n);
}

static void nfqueue_close(struct capture *c)
{
	struct nfqueue *n = (struct nfqueue *)c;
	for (unsigned i = 0; i < n->n_queues; i++)
		if (n->queue[i].socket)
			mnl_socket_close(n->queue[i].socket);
	free(n->room);
	free(n);
}

static const struct capture_ops nfqueue_ops = {"nfqueue", nfqueue_read, nfqueue_stats, nfqueue_close};

/* ---- binding ---- */

/*
 * Sends one configuration message and waits for its answer. Packets may come before it, when a rule of the user's queues to us
 * already: nobody is ready to look at them, so they pass.
 */
static int config(struct nfqueue *n, struct queue_socket *q, struct nlmsghdr *m)
{
	m->nlmsg_flags |= NLM_F_ACK;
	m->nlmsg_seq = 1;
	if (mnl_socket_sendto(q->socket, m, m->nlmsg_len) < 0)
		return -errno;
	for (;;) {
		ssize_t len = mnl_socket_recvfrom(q->socket, n->room, ROOM);
		if (len < 0)
			return -errno;
		const struct nlmsghdr *got = (const void *)n->room;
		if (!mnl_nlmsg_ok(got, (int)len))
			return -EBADMSG;
		if (got->nlmsg_type == NLMSG_ERROR)
			return ((const struct nlmsgerr *)mnl_nlmsg_get_payload(got))->error;
		struct nfqueue_message p;
		if (nfqueue_message_read((const uint8_t *)n->room, (size_t)len, &p) == NFQUEUE_PACKET) {
			q->last_id = p.id;
			send_verdict(n, q, NFQNL_MSG_VERDICT, VERDICT_ACCEPT, p.id, NULL);
			send_flush(n, q);
		}
	}
}

static int config_flag(struct nfqueue *n, struct queue_socket *q, uint32_t flag)
{
	_Alignas(8) char buffer[256];
	struct nlmsghdr *m = put_header(buffer, NFQNL_MSG_CONFIG, q->number, 0);
	mnl_attr_put_u32(m, NFQA_CFG_FLAGS, htonl(flag));
	mnl_attr_put_u32(m, NFQA_CFG_MASK, htonl(flag));
	return config(n, q, m);
}

static int config_bind(struct nfqueue *n, struct queue_socket *q)
{
	_Alignas(8) char buffer[256];
	struct nlmsghdr *m = put_header(buffer, NFQNL_MSG_CONFIG, q->number, 0);
	struct nfqnl_msg_config_cmd bind = {.command = NFQNL_CFG_CMD_BIND};
	mnl_attr_put(m, NFQA_CFG_CMD, sizeof bind, &bind);
	return config(n, q, m);
}

static int config_params(struct nfqueue *n, struct queue_socket *q, uint32_t max_len)
{
	_Alignas(8) char buffer[256];
	struct nlmsghdr *m = put_header(buffer, NFQNL_MSG_CONFIG, q->number, 0);
	struct nfqnl_msg_config_params copy = {.copy_range = htonl(NFQUEUE_COPY_RANGE), .copy_mode = NFQNL_COPY_PACKET};
	mnl_attr_put(m, NFQA_CFG_PARAMS, sizeof copy, &copy);
	mnl_attr_put_u32(m, NFQA_CFG_QUEUE_MAXLEN, htonl(max_len));
	return config(n, q, m);
}

/* Who holds a queue: the port is the process id for the first netlink socket of a process. */
static bool holder_of(uint16_t number, char *out, size_t room)
{
	FILE *f = fopen("/proc/net/netfilter/nfnetlink_queue", "re");
	bool found = false;
	unsigned queue;
	long long port;
	while (f && !found && fscanf(f, "%u %lld %*[^\n]", &queue, &port) == 2)
		found = queue == number;
	if (f)
		fclose(f);
	if (!found)
		return false;
	char path[64], name[64] = "";
	snprintf(path, sizeof path, "/proc/%lld/comm", port);
	f = port > 0 ? fopen(path, "re") : NULL;
	if (f) {
		if (fgets(name, sizeof name, f))
			name[strcspn(name, "\n")] = '\0';
		fclose(f);
	}
	if (*name)
		snprintf(out, room, "%s, process %lld", name, port);
	else
		snprintf(out, room, "another program");
	return true;
}

static int bind_error(struct error *error, int code, uint16_t number)
{
	char who[128];
	if ((code == EPERM || code == EBUSY) && holder_of(number, who, sizeof who))
		return error_set(error, code, "queue %u is taken by %s; stop it, or choose other numbers with -q or gateway.queues", number, who);
	if (code == EPERM)
		return error_set(error, code, "no permission to bind queue %u: run as root, or give the program CAP_NET_ADMIN", number);
	if (code == EINVAL || code == EOPNOTSUPP || code == EPROTONOSUPPORT)
		return error_set(error, code, "this kernel has no NFQUEUE (CONFIG_NETFILTER_NETLINK_QUEUE); try: modprobe nfnetlink_queue");
	return error_set(error, code, "cannot bind queue %u: %s", number, strerror(code));
}

static int queue_open(struct nfqueue *n, unsigned i, const struct nfqueue_options *o, struct error *error)
{
	struct queue_socket *q = &n->queue[i];
	q->number = o->queue[i].number;
	q->socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
	if (!q->socket || mnl_socket_bind(q->socket, 0, MNL_SOCKET_AUTOPID) < 0)
		return error_set(error, errno, "cannot open a netlink socket: %s", strerror(errno));
	q->fd = mnl_socket_get_fd(q->socket);
	int size = RECEIVE_BUFFER, on = 1;
	if (setsockopt(q->fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) < 0)
		(void)setsockopt(q->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
	/* an overrun then does not stop reading; it shows as a gap in the packets' ids */
	(void)mnl_socket_setsockopt(q->socket, NETLINK_NO_ENOBUFS, &on, sizeof on);
	int r = config_bind(n, q);
	if (r < 0)
		return bind_error(error, -r, q->number);
	r = config_params(n, q, o->max_len ? o->max_len : NFQUEUE_LENGTH);
	if (r < 0)
		return error_set(error, -r, "cannot set up queue %u: %s", q->number, strerror(-r));
	/* one by one: a message whose flags are not all known changes none */
	if (o->queue[i].gso && config_flag(n, q, NFQA_CFG_F_GSO) < 0)
		n->without_gso |= 1u << i;
	if (o->fail_open && config_flag(n, q, NFQA_CFG_F_FAIL_OPEN) < 0)
		n->without_fail_open |= 1u << i;
	return 0;
}

struct capture *capture_nfqueue_open(const struct nfqueue_options *o, struct error *error)
{
	if (o->n_queues == 0 || o->n_queues > NFQUEUE_MAX_QUEUES) {
		error_set(error, EINVAL, "a worker serves 1 to %d queues, not %u", NFQUEUE_MAX_QUEUES, o->n_queues);
		return NULL;
	}
	struct nfqueue *n = xcalloc(1, sizeof *n);
	n->capture = (struct capture){.ops = &nfqueue_ops, .inline_mode = true};
	n->interface_of = o->interface_of;
	n->room = xmalloc((size_t)BATCH * ROOM);
	for (int i = 0; i < BATCH; i++) {
		n->vector[i] = (struct iovec){n->room + (size_t)i * ROOM, ROOM};
		n->message[i].msg_hdr = (struct msghdr){.msg_iov = &n->vector[i], .msg_iovlen = 1};
	}
	for (unsigned i = 0; i < o->n_queues; i++) {
		n->n_queues = i + 1;
		if (queue_open(n, i, o, error) < 0) {
			nfqueue_close(&n->capture);
			return NULL;
		}
	}
	return &n->capture;
}

bool nfqueue_kernel_drops_merged(const char *release)
{
	unsigned major, minor, patch = 0;
	if (sscanf(release, "%u.%u.%u", &major, &minor, &patch) < 2 || major != 6)
		return false;
	/* from 6.11 on; mended in 6.12.75, 6.18.14, 6.19.4 */
	switch (minor) {
	case 12: return patch <= 74;
	case 18: return patch <= 13;
	case 19: return patch <= 3;
	default: return minor == 11 || (minor >= 13 && minor <= 17);
	}
}

unsigned capture_nfqueue_fds(const struct capture *c, int fd[NFQUEUE_MAX_QUEUES])
{
	const struct nfqueue *n = (const struct nfqueue *)c;
	for (unsigned i = 0; i < n->n_queues; i++)
		fd[i] = n->queue[i].fd;
	return n->n_queues;
}

uint32_t capture_nfqueue_without_gso(const struct capture *c)
{
	return ((const struct nfqueue *)c)->without_gso;
}

uint32_t capture_nfqueue_without_fail_open(const struct capture *c)
{
	return ((const struct nfqueue *)c)->without_fail_open;
}

uint64_t capture_nfqueue_merged_datagrams(const struct capture *c)
{
	return ((const struct nfqueue *)c)->merged_datagrams;
}
