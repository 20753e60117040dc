/* bench_lsa.c - how long the built-in embedder takes to train, and what it costs a query.
 *
 *   bench_lsa [rows [words a row]]
 *
 * The corpus is drawn, seeded: words by Zipf's law (rank + 2.7)^-1 over 500,000; every row
 * takes three in ten of its words from the 300 of one of 2,000 topics, which are drawn by
 * the same law.  Prints one line of JSON.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "lsa.h"

enum { WORDS = 500000, TOPICS = 2000, TOPIC_WORDS = 300 };

static uint64_t random_state = 42;

static double
next_random(void)
{
	random_state = random_state * 6364136223846793005u + 1442695040888963407u;
	return (double)(random_state >> 11) * 0x1p-53;
}

/* By inversion of the continuous law. */
static uint32_t
zipf(double u)
{
	double top = log((WORDS + 2.7) / 2.7);

	return (uint32_t)(2.7 * (exp(u * top) - 1)) % WORDS;
}

static uint32_t
draw(uint32_t topic)
{
	uint32_t k;

	if (next_random() >= 0.3)
		return zipf(next_random());
	k = (uint32_t)(next_random() * TOPIC_WORDS);
	return zipf((topic * TOPIC_WORDS + k) * 2654435761u / 0x1p32);
}

static void *
need(size_t count, size_t size)
{
	void *p = calloc(count, size);

	if (p == NULL) {
		perror("bench_lsa");
		exit(71);
	}
	return p;
}

static void
make_corpus(struct termdoc *t, uint32_t rows, uint32_t words)
{
	uint32_t *seen = need(WORDS, sizeof *seen);

	*t = (struct termdoc){.rows = rows, .terms = WORDS};
	t->row_at = need((size_t)rows + 1, sizeof *t->row_at);
	t->token = need((size_t)rows * words, sizeof *t->token);
	t->df = need(WORDS, sizeof *t->df);
	for (uint32_t r = 0; r < rows; r++) {
		uint32_t topic = (uint32_t)(next_random() * TOPICS);
		for (uint32_t i = 0; i < words; i++) {
			uint32_t w = draw(topic);
			t->token[t->row_at[r] + i] = w;
			if (seen[w] != r + 1)
				t->df[w]++;
			seen[w] = r + 1;
		}
		t->row_at[r + 1] = t->row_at[r] + words;
	}
	free(seen);
}

static double
cpu_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static double
query_ns(const struct lsa *m, const struct termdoc *t)
{
	float v[LSA_DIM_MAX];
	struct lsa_term q[8];
	double begin = cpu_seconds();
	enum { QUERIES = 100000 };

	for (uint32_t i = 0; i < QUERIES; i++) {
		for (uint32_t k = 0; k < 8; k++) {
			uint32_t id = t->token[(i * 131u + k * 17u) % t->row_at[t->rows]];
			q[k] = (struct lsa_term){id, 1, lsa_idf(t->rows, t->df[id])};
		}
		lsa_embed(m, q, 8, v);
	}
	return (cpu_seconds() - begin) / QUERIES * 1e9;
}

int
main(int argc, char **argv)
{
	uint32_t rows = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 100000;
	uint32_t words = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 200;
	struct termdoc t;
	struct lsa m;
	struct err e;
	struct rusage use;
	float *vector;
	double start, trained, placed;

	make_corpus(&t, rows, words);
	start = cpu_seconds();
	if (lsa_train(&m, &t, NULL, &e) == -1) {
		fprintf(stderr, "bench_lsa: %s\n", e.text);
		return 70;
	}
	trained = cpu_seconds();
	vector = need((size_t)rows * m.dim, sizeof *vector);
	if (lsa_rows(&m, &t, 0, rows, vector, &e) == -1) {
		fprintf(stderr, "bench_lsa: %s\n", e.text);
		return 70;
	}
	placed = cpu_seconds();
	getrusage(RUSAGE_SELF, &use);
	printf("{\"rows\": %u, \"words\": %u, \"dim\": %u, \"terms_with_vector\": %u, "
	    "\"train_cpu_s\": %.1f, \"rows_cpu_s\": %.1f, \"peak_mib\": %ld, \"query_ns\": %.0f}\n",
	    rows, words, m.dim, m.slots, trained - start, placed - trained,
	    use.ru_maxrss / 1024, query_ns(&m, &t));
	free(vector);
	lsa_fini(&m);
	free(t.row_at);
	free(t.token);
	free(t.df);
	return 0;
}
