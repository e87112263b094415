// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <linux/limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/memory.h"
#include "capture/nfqueue.h"
#include "command/command.h"
#include "gateway/gateway.h"
#include "lab/demo.h"
#include "lab/lab.h"

void command_lab_usage(void)
{
	puts("usage: sluice lab up | down | shell HOST | run [--on HOST] -- COMMAND… | demo | probe\n"
	     "\n"
	     "A network of namespaces to try things in, as root or as an ordinary user:\n"
	     "  client 10.23.1.2, fd23:1::2 -- gateway -- 198.51.100.2, 2001:db8:2::2 server\n"
	     "\n"
	     "  up            make it, and keep it until `down`\n"
	     "  down          take it away, with all that runs in it\n"
	     "  shell HOST    a shell on client, gateway or server\n"
	     "  run           run a command on HOST (gateway); in a lab of its own if none is up\n"
	     "  demo          sluice stops an attack, and a harmless page arrives; --break queue must fail\n"
	     "  probe         say whether this machine can do it");
}

static int fail(const struct error *error)
{
	fprintf(stderr, "sluice: %s\n", error->text);
	return STATUS_FAILED;
}

static int run_up(void)
{
	struct error error = {0};
	if (lab_hold(&error) < 0)
		return fail(&error);
	puts("The lab is up: client 10.23.1.2, fd23:1::2 -- gateway -- 198.51.100.2, 2001:db8:2::2 server");
	puts("`sluice lab shell client|gateway|server` goes in, `sluice lab down` takes it away.");
	return STATUS_DONE;
}

static int run_down(void)
{
	struct error error = {0};
	return lab_release(&error) < 0 ? fail(&error) : STATUS_DONE;
}

static int no_such_host(const char *name)
{
	fprintf(stderr, "sluice: '%s' is no host of the lab: client, gateway and server are\n", name);
	return STATUS_USAGE;
}

/* Becomes the command, on a host of the lab that is up. */
static int exec_in(pid_t holder, enum lab_host host, char *const argv[])
{
	struct lab lab;
	struct error error = {0};
	if (lab_join(&lab, holder, &error) < 0 || lab_enter(&lab, host, &error) < 0)
		return fail(&error);
	char text[32];
	snprintf(text, sizeof text, "%d", (int)holder);
	setenv("SLUICE_LAB", text, 1);
	setenv("SLUICE_LAB_HOST", lab_host_names[host], 1);
	execvp(argv[0], argv);
	fprintf(stderr, "sluice: %s: %s\n", argv[0], strerror(errno));
	return STATUS_FAILED;
}

static int run_shell(int argc, char **argv)
{
	struct error error = {0};
	int host = argc == 2 ? lab_host_find(argv[1]) : -1;
	if (host < 0)
		return no_such_host(argc > 1 ? argv[1] : "");
	pid_t holder;
	if (lab_find(&holder) < 0) {
		error_set(&error, ENOENT, "no lab is up; `sluice lab up` makes one");
		return fail(&error);
	}
	char *shell = getenv("SHELL");
	char *command[] = {shell && *shell ? shell : "/bin/sh", NULL};
	return exec_in(holder, (enum lab_host)host, command);
}

static pid_t running;

static void pass_on(int number)
{
	if (running > 0)
		kill(running, number);
}

/* A lab for one command: made, used, taken away. */
static int run_alone(enum lab_host host, char *const argv[])
{
	struct lab lab = {{-1, -1, -1}};
	struct error error = {0};
	if (lab_make(&lab, &error) < 0)
		return fail(&error);
	lab_announce(&lab);
	setenv("SLUICE_LAB_HOST", lab_host_names[host], 1);
	struct sigaction action = {.sa_handler = pass_on};
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	running = lab_spawn(&lab, host, argv, -1, &error);
	int status = 0;
	if (running > 0)
		while (waitpid(running, &status, 0) < 0 && errno == EINTR)
			;
	lab_end(&lab);
	if (running < 0)
		return fail(&error);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int run_command(int argc, char **argv)
{
	int host = LAB_GATEWAY, at = 1;
	if (argc > 2 && strcmp(argv[1], "--on") == 0) {
		host = lab_host_find(argv[2]);
		if (host < 0)
			return no_such_host(argv[2]);
		at = 3;
	}
	if (at < argc && strcmp(argv[at], "--") == 0)
		at++;
	if (at >= argc) {
		fputs("sluice: which command? (`sluice help lab`)\n", stderr);
		return STATUS_USAGE;
	}
	pid_t holder;
	if (lab_find(&holder) == 0)
		return exec_in(holder, (enum lab_host)host, argv + at);
	return run_alone((enum lab_host)host, argv + at);
}

/* ---- demo ---- */

static bool is_share(const char *folder)
{
	char *path = xasprintf("%s/demo.rules", folder);
	bool good = access(path, R_OK) == 0;
	free(path);
	return good;
}

/* Beside the program in a source tree, or where it was installed. */
static bool find_share(const char *program, char out[PATH_MAX])
{
	static const char *const places[] = {"../../share/demo", "../share/sluice/demo"};
	const char *given = getenv("SLUICE_SHARE");
	if (given) {
		snprintf(out, PATH_MAX, "%s/demo", given);
		return is_share(out);
	}
	int len = (int)(strrchr(program, '/') - program);
	for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
		char *path = xasprintf("%.*s/%s", len, program, places[i]);
		bool found = realpath(path, out) && is_share(out);
		free(path);
		if (found)
			return true;
	}
	return false;
}

static int run_demo(int argc, char **argv)
{
	struct demo_options o = {0};
	if (argc == 3 && strcmp(argv[1], "--break") == 0 && strcmp(argv[2], "queue") == 0) {
		o.without_queue = true;
	} else if (argc != 1) {
		fputs("sluice: demo takes --break queue, or nothing\n", stderr);
		return STATUS_USAGE;
	}
	char program[PATH_MAX], share[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", program, sizeof program - 1);
	if (len <= 0) {
		perror("sluice: /proc/self/exe");
		return STATUS_FAILED;
	}
	program[len] = '\0';
	if (!find_share(program, share)) {
		fputs("sluice: the demonstration's rules and pages (share/demo) are not beside the program; SLUICE_SHARE may name the folder\n", stderr);
		return STATUS_FAILED;
	}
	/* shown as seen from here, if it lies below */
	char here[PATH_MAX];
	size_t n = getcwd(here, sizeof here) ? strlen(here) : 0;
	bool below = n > 1 && strncmp(program, here, n) == 0 && program[n] == '/';
	o.program = program;
	o.shown = below ? program + n + 1 : program;
	o.share = n > 1 && strncmp(share, here, n) == 0 && share[n] == '/' ? share + n + 1 : share;
	return demo_run(&o) == 0 ? STATUS_DONE : STATUS_FAILED;
}

/* ---- probe ---- */

static int run_probe(void)
{
	struct lab lab = {{-1, -1, -1}};
	struct error error = {0};
	struct gateway_settings s = {.own_table = true, .hooks = 1u << HOOK_FORWARD, .priority_auto = true, .bypass = true, .mark_mask = 0xff00};
	struct nfqueue_options o = {.queue = {{0, true}}, .n_queues = 1};
	struct gateway_plan plan = {0};
	if (lab_make(&lab, &error) < 0)
		return fail(&error);
	struct capture *c = capture_nfqueue_open(&o, &error);
	int r = c ? gateway_plan(&plan, &s, 1, &error) : -1;
	if (r == 0)
		r = gateway_load(&plan, GATEWAY_CHECK, &error);
	if (c)
		c->ops->close(c);
	if (r == 0)
		printf("namespaces, nftables and NFQUEUE are there; `queue` is %s\n", plan.native_queue ? "nft's own" : "the xt target NFQUEUE");
	gateway_plan_free(&plan);
	return r < 0 ? fail(&error) : STATUS_DONE;
}

int command_lab(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	if (strcmp(what, "up") == 0 && argc == 2)
		return run_up();
	if (strcmp(what, "down") == 0 && argc == 2)
		return run_down();
	if (strcmp(what, "shell") == 0)
		return run_shell(argc - 1, argv + 1);
	if (strcmp(what, "run") == 0)
		return run_command(argc - 1, argv + 1);
	if (strcmp(what, "demo") == 0)
		return run_demo(argc - 1, argv + 1);
	if (strcmp(what, "probe") == 0 && argc == 2)
		return run_probe();
	command_lab_usage();
	return STATUS_USAGE;
}
