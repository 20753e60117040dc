/* worker.h - one worker: waits, reloads between requests, answers one at a time. */
#ifndef RAGPOOL_WORKER_H
#define RAGPOOL_WORKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "auth.h"
#include "err.h"
#include "intake_options.h"
#include "prompts.h"
#include "quota.h"

struct worker_options {
	const char *data_dir;
	uint64_t max_requests;	/* then it leaves with 0; 0 = never */
	size_t max_body;	/* bytes of a request's body */
	unsigned top_k_max;
	const char *slowlog;	/* a file; "": the log */
	int64_t slow_ms;	/* 0: no slow log */
	const char *log_file;	/* "": standard error */
	bool is_confined;	/* confine.h */
	size_t result_cache;		/* bytes for answers given lately; 0: none */
	const char *cors_origins;	/* cors.h */
	const char *gateway;	/* its socket; NULL: there is none */
	const char *control;	/* the supervisor's socket; NULL: there is none */
	int64_t embedding_ms;	/* how long a query waits for its vector */
	bool needs_vectors;	/* rather an error than words alone */
	struct answer_options answers;
	struct auth_options auth;
	struct intake_options intake;
	struct quota_rules quota;
	int listen_fd;
	int board_fd;		/* -1: run by hand, without a scoreboard */
	int wake_fd;
	unsigned slot;
};

/* Serves until it is told to stop; 0, or -1 with *e. */
int worker_run(const struct worker_options *o, struct err *e);
/* Answers the one request in the environment and on stdin, as CGI does. */
int worker_run_cgi(const struct worker_options *o, struct err *e);

#endif
