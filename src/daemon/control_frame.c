// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/control_frame.h"

static bool is_space(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void in_string(struct frame_scan *s, uint8_t c)
{
	if (s->escaped)
		s->escaped = false;
	else if (c == '\\')
		s->escaped = true;
	else if (c == '"')
		s->in_string = false;
}

long frame_length(struct frame_scan *s, const uint8_t *data, size_t len)
{
	while (s->at < len) {
		uint8_t c = data[s->at++];
		if (s->in_string) {
			in_string(s, c);
		} else if (s->depth == 0) {
			if (c != '{' && !is_space(c))
				return FRAME_GARBAGE;
			s->depth = c == '{';
		} else if (c == '"') {
			s->in_string = true;
		} else if (c == '{' || c == '[') {
			if (++s->depth > FRAME_DEPTH_MAX)
				return FRAME_GARBAGE;
		} else if ((c == '}' || c == ']') && --s->depth == 0) {
			return (long)s->at;
		}
	}
	return FRAME_MORE;
}
