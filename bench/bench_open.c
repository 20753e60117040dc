/* bench_open.c - what it costs to open a large index, and to share it.
 *
 *   bench_open [FILE [BYTES [PROCESSES]]]
 *
 * Writes FILE (default bench_open.rpx) with vectors and no graph until it has BYTES (default
 * 1 GiB), opens it many times, then lets PROCESSES (default 64) map it, read every page, and
 * adds up their proportional set sizes.  Prints JSON lines; the file is removed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clk.h"
#include "dense.h"
#include "rpx.h"

enum { DIM = 384, OPENINGS = 1000 };

static void
die(const struct err *e)
{
	fprintf(stderr, "bench_open: %s\n", e->text);
	exit(1);
}

/* Codes and halves of 384 dimensions take 1,168 bytes a row. */
static void
write_index(const char *path, uint64_t bytes)
{
	struct dense_params p = {.dim = DIM, .metric = DENSE_COSINE, .graph = DENSE_GRAPH_NEVER};
	uint32_t rows = (uint32_t)(bytes / 1168), random = 1;
	float *v = malloc((size_t)rows * DIM * sizeof *v);
	struct rpx_writer *w;
	struct err e;

	if (v == NULL)
		abort();
	for (size_t i = 0; i < (size_t)rows * DIM; i++) {
		random = random * 1664525 + 1013904223;
		v[i] = (float)(int32_t)random * 0x1p-31f;
	}
	unlink(path);
	if (rpx_create(&w, path, "bench", &e) == -1 ||
	    dense_write(w, v, rows, &p, NULL, NULL, &e) == -1 || rpx_finish(w, &e) == -1)
		die(&e);
	free(v);
}

static int
by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void
time_openings(const char *path)
{
	static double us[OPENINGS];
	struct rpx r;
	struct dense *d;
	struct stat st;
	struct err e;

	for (int i = 0; i < OPENINGS; i++) {
		int64_t from = clk_ns();
		if (rpx_open(&r, path, &e) == -1 || dense_open(&d, &r, &e) == -1)
			die(&e);
		us[i] = (double)(clk_ns() - from) / 1e3;
		dense_close(d);
		rpx_close(&r);
	}
	qsort(us, OPENINGS, sizeof us[0], by_value);
	stat(path, &st);
	printf("{\"bench\": \"open\", \"mib\": %lld, \"median_us\": %.1f, \"p99_us\": %.1f, "
	       "\"max_us\": %.1f}\n",
	    (long long)st.st_size >> 20, us[OPENINGS / 2], us[OPENINGS * 99 / 100],
	    us[OPENINGS - 1]);
}

/* A reader: maps, touches every page, says so, and waits until its input ends. */
static void
read_all(const char *path, int ready, int stop)
{
	struct rpx r;
	struct err e;
	unsigned sum = 0;
	char c = 0;

	if (rpx_open(&r, path, &e) == -1)
		die(&e);
	for (size_t i = 0; i < r.map.len; i += 4096)
		sum += ((const volatile unsigned char *)r.map.data)[i];
	c = (char)sum;
	if (write(ready, &c, 1) == 1)
		while (read(stop, &c, 1) > 0)
			continue;
	_exit(0);
}

static long
pss_kb(pid_t pid)
{
	char path[64], line[256];
	long kb = 0;
	FILE *f;

	snprintf(path, sizeof path, "/proc/%d/smaps_rollup", (int)pid);
	if ((f = fopen(path, "r")) == NULL)
		return 0;
	while (fgets(line, sizeof line, f) != NULL)
		if (sscanf(line, "Pss: %ld kB", &kb) == 1)
			break;
	fclose(f);
	return kb;
}

static void
share(const char *path, int processes)
{
	pid_t *pid = calloc((size_t)processes, sizeof *pid);
	int ready[2], stop[2];
	struct stat st;
	double sum = 0;
	char c;

	if (pid == NULL || pipe(ready) == -1 || pipe(stop) == -1)
		abort();
	for (int i = 0; i < processes; i++) {
		if ((pid[i] = fork()) == 0) {
			close(stop[1]);
			read_all(path, ready[1], stop[0]);
		}
	}
	for (int i = 0; i < processes; i++)
		if (read(ready[0], &c, 1) != 1)
			abort();
	for (int i = 0; i < processes; i++)
		sum += (double)pss_kb(pid[i]) * 1024;
	stat(path, &st);
	printf("{\"bench\": \"share\", \"processes\": %d, \"pss_sum_mib\": %.1f, "
	       "\"pss_over_file\": %.4f}\n",
	    processes, sum / (1 << 20), sum / (double)st.st_size);
	close(stop[1]);
	while (wait(NULL) > 0)
		continue;
	free(pid);
}

int
main(int argc, char **argv)
{
	const char *path = argc > 1 ? argv[1] : "bench_open.rpx";
	uint64_t bytes = argc > 2 ? strtoull(argv[2], NULL, 10) : UINT64_C(1) << 30;
	int processes = argc > 3 ? (int)strtol(argv[3], NULL, 10) : 64;

	write_index(path, bytes);
	time_openings(path);
	fflush(stdout);
	share(path, processes);
	unlink(path);
	return 0;
}
