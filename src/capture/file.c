// SPDX-License-Identifier: GPL-2.0-or-later
/* Captures from files: pcap of the common form is read here (records.h), the rest, pcapng and standard input by libpcap. */
#include "base/memory.h"
#include "capture/capture.h"
#include "capture/records.h"

#include <errno.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { BATCH = 64, BUFFER = 256 << 10, PCAP_FILE_HEADER = 24, PCAP_RECORD_HEADER = 16 };

struct capture_file {
	struct capture base;
	char *path;
	FILE *stream;
	char *buffer;
	pcap_t *pcap;
	struct records records;
	uint64_t n_frames, record_bytes, size;
	bool is_pcapng;
	bool filtered; /* then the bytes of frames are not all counted */
	bool broken, ended;
};

static uint64_t offset_of(const struct capture_file *f)
{
	if (!f->is_pcapng && !f->filtered)
		return PCAP_FILE_HEADER + f->record_bytes;
	off_t at = ftello(f->stream);
	return at > 0 ? (uint64_t)at : 0;
}

static int file_broken(struct capture_file *f, struct error *error)
{
	f->ended = true;
	return error_set(error, EBADMSG, "%s: %s, at byte %llu, after frame %llu", f->path, pcap_geterr(f->pcap), (unsigned long long)offset_of(f),
			 (unsigned long long)f->n_frames);
}

static void give(struct capture_file *f, const struct pcap_pkthdr *h, const uint8_t *data,
		 struct capture_verdict (*on_frame)(void *, const struct frame *), void *context)
{
	struct frame frame = {
		.bytes = {data, h->caplen},
		.wire_len = h->len,
		.link_type = pcap_datalink(f->pcap),
		.time = (usec_t)h->ts.tv_sec * USEC_PER_SEC + h->ts.tv_usec,
		.number = f->n_frames,
		.packet_flags = h->len > h->caplen ? PACKET_TRUNCATED : 0,
	};
	on_frame(context, &frame);
}

/* The next record; false: it is no ordinary one, and libpcap shall say what it is. */
static bool give_record(struct capture_file *f, struct capture_verdict (*on_frame)(void *, const struct frame *), void *context)
{
	struct records *r = &f->records;
	struct frame frame;
	size_t len = records_next(r, &frame);
	if (!len) {
		fseeko(f->stream, (off_t)records_offset(r), SEEK_SET);
		records_close(r);
		return false;
	}
	f->record_bytes += len;
	frame.number = ++f->n_frames;
	on_frame(context, &frame);
	return true;
}

static int file_read_frames(struct capture *c, int timeout_ms, struct capture_verdict (*on_frame)(void *, const struct frame *), void *context,
			    struct error *error)
{
	struct capture_file *f = (struct capture_file *)c;
	int n = 0;
	for (; n < BATCH && f->records.data && give_record(f, on_frame, context); n++)
		;
	for (; n < BATCH && !f->records.data && !f->ended && !f->broken; n++) {
		struct pcap_pkthdr *h;
		const uint8_t *data;
		int rc = pcap_next_ex(f->pcap, &h, &data);
		if (rc == PCAP_ERROR_BREAK) { /* the file's end */
			f->ended = true;
			break;
		}
		if (rc != 1) {
			f->broken = true; /* what was whole comes first */
			break;
		}
		f->n_frames++;
		f->record_bytes += PCAP_RECORD_HEADER + h->caplen;
		give(f, h, data, on_frame, context);
	}
	if (n)
		return n;
	return f->broken && !f->ended ? file_broken(f, error) : -ENODATA;
}

static void file_stats(struct capture *c, struct capture_stats *out)
{
	*out = (struct capture_stats){.received = ((struct capture_file *)c)->n_frames};
}

static void file_close(struct capture *c)
{
	struct capture_file *f = (struct capture_file *)c;
	if (!f)
		return;
	if (f->pcap)
		pcap_close(f->pcap); /* closes the stream too, unless it is stdin */
	else if (f->stream && f->stream != stdin)
		fclose(f->stream);
	records_close(&f->records);
	if (f->stream != stdin)
		free(f->buffer); /* stdin keeps its buffer until exit */
	free(f->path);
	free(f);
}

static const struct capture_ops file_ops = {"file", file_read_frames, file_stats, file_close};

static int fail(struct capture_file *f, int why, int *code, struct error *error, const char *words)
{
	*code = -why;
	error_set(error, why, "%s: %s", f->path, words);
	file_close(&f->base);
	return -why;
}

static int open_stream(struct capture_file *f, int *code, struct error *error)
{
	bool is_stdin = strcmp(f->path, "-") == 0;
	f->stream = is_stdin ? stdin : fopen(f->path, "rbe");
	if (!f->stream)
		return fail(f, errno, code, error, strerror(errno));
	struct stat st;
	if (fstat(fileno(f->stream), &st))
		return fail(f, errno, code, error, strerror(errno));
	if (S_ISDIR(st.st_mode))
		return fail(f, EISDIR, code, error, strerror(EISDIR));
	f->size = S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
	f->buffer = is_stdin ? NULL : malloc(BUFFER);
	setvbuf(f->stream, f->buffer, _IOFBF, BUFFER);
	return 0;
}

static int open_pcap(struct capture_file *f, const char *bpf, int *code, struct error *error)
{
	int first = getc(f->stream);
	if (first == EOF)
		return fail(f, EINVAL, code, error, ferror(f->stream) ? strerror(errno) : "an empty file, no capture");
	ungetc(first, f->stream);
	f->is_pcapng = first == 0x0a;
	char words[PCAP_ERRBUF_SIZE];
	f->pcap = pcap_fopen_offline_with_tstamp_precision(f->stream, PCAP_TSTAMP_PRECISION_MICRO, words);
	if (!f->pcap)
		return fail(f, EINVAL, code, error, words);
	if (!bpf || !*bpf) {
		if (f->size)
			records_open(&f->records, fileno(f->stream), pcap_datalink(f->pcap), pcap_snapshot(f->pcap));
		return 0;
	}
	struct bpf_program program;
	if (pcap_compile(f->pcap, &program, bpf, 1, PCAP_NETMASK_UNKNOWN))
		return fail(f, EINVAL, code, error, pcap_geterr(f->pcap));
	f->filtered = true;
	int rc = pcap_setfilter(f->pcap, &program);
	pcap_freecode(&program);
	return rc ? fail(f, EINVAL, code, error, pcap_geterr(f->pcap)) : 0;
}

struct capture *capture_file_open(const char *path, const char *bpf, int *code, struct error *error)
{
	int ignored = 0;
	code = code ? code : &ignored;
	*code = 0;
	struct capture_file *f = xcalloc(1, sizeof *f);
	f->base.ops = &file_ops;
	f->path = xstrdup(path);
	if (open_stream(f, code, error) || open_pcap(f, bpf, code, error))
		return NULL;
	return &f->base;
}

void capture_file_position(struct capture *c, uint64_t *at, uint64_t *size)
{
	struct capture_file *f = (struct capture_file *)c;
	off_t offset = f->records.data ? (off_t)records_offset(&f->records) : ftello(f->stream);
	*at = offset > 0 ? (uint64_t)offset : f->record_bytes;
	*size = f->size;
}
