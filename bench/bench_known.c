/* bench_known.c - by which signs a question is told from one that a knowledge base cannot answer.
 *
 *   bench_known DATA TENANT QUERIES.jsonl [QRELS.tsv]
 *
 * Asks the tenant's current generation each of QUERIES.jsonl ({"id", "text"}) and prints a line of
 * tab-separated figures of its best five hits:
 *
 *   id  words  sum of idf  W (known.h)  best BM25  best share of idf that one hit holds
 *   best share of W  best cosine
 *
 * With QRELS.tsv the hits of documents that it names for the question (a document is a file, its
 * name without the ending) are left out: a question whose answer is not there, from the same field.
 * bench/known puts sets together and draws the curves.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "generation.h"
#include "index.h"
#include "known.h"
#include "lex.h"
#include "query.h"

enum { ASKED = 20, GOLD_MAX = 8192 };

struct gold {
	char question[64], document[128];
};

static struct gold gold[GOLD_MAX];
static size_t golds;

static void
must(int rc, const struct err *e)
{
	if (rc == -1) {
		fprintf(stderr, "bench_known: %s\n", e->text);
		exit(1);
	}
}

static void
read_gold(const char *path)
{
	FILE *f = fopen(path, "r");
	char line[512];

	while (f != NULL && golds < GOLD_MAX && fgets(line, sizeof line, f) != NULL)
		if (sscanf(line, "%63s %127s", gold[golds].question, gold[golds].document) == 2)
			golds++;
	if (f != NULL)
		fclose(f);
}

static bool
is_gold(const char *question, const char *key)
{
	size_t n = strcspn(key, ".");

	for (size_t i = 0; i < golds; i++)
		if (strcmp(gold[i].question, question) == 0 && strlen(gold[i].document) == n &&
		    strncmp(gold[i].document, key, n) == 0)
			return true;
	return false;
}

struct signs {
	double bm25, idf_share, share, cosine;
};

struct sums {
	double idf, weight;
};

static struct sums
sums_of(const struct lex *x, const struct lex_query *words)
{
	struct sums s = {words->unknown * lex_idf(x, 0), words->unknown * known_weight(x, 0)};

	for (uint32_t t = 0; t < words->terms; t++) {
		s.idf += (double)words->term[t].weight * lex_idf(x, words->term[t].term.df);
		s.weight += (double)words->term[t].weight * known_weight(x, words->term[t].term.df);
	}
	return s;
}

static double
larger(double a, double b)
{
	return a > b ? a : b;
}

static void
look_at_hit(struct signs *n, const struct index *x, struct lex_scratch *l,
    const struct lex_query *words, const struct sums *all, const struct query_hit *h)
{
	struct lex_part part[QUERY_TERMS_MAX];
	struct sums held = {0};
	float score;
	struct err e;

	must(lex_explain(x->lex, l, words, h->row, part, &score, &e), &e);
	for (uint32_t t = 0; t < words->terms; t++) {
		if (part[t].tf == 0)
			continue;
		held.idf += (double)part[t].weight * lex_idf(x->lex, part[t].df);
		held.weight += (double)part[t].weight * known_weight(x->lex, part[t].df);
	}
	n->bm25 = larger(n->bm25, (double)score);
	n->cosine = larger(n->cosine, (double)h->how.cosine);
	n->idf_share = larger(n->idf_share, all->idf > 0 ? held.idf / all->idf : 0);
	n->share = larger(n->share, all->weight > 0 ? held.weight / all->weight : 0);
}

static void
ask(struct index *x, struct query_scratch *s, struct lex_scratch *l, const char *id,
    const char *text)
{
	struct query q = {.text = text, .text_len = strlen(text), .top_k = ASKED};
	static struct lex_query words;
	struct query_result r;
	struct signs n = {0};
	struct sums all;
	struct arena a;
	struct err e;
	int looked = 0;

	arena_init(&a, 256 << 20);
	must(query_run(x, s, &q, &a, &r, &e), &e);
	must(lex_query_parse(&words, x->lex, query_analyzer(s, x->manifest.language, &e), text,
		 strlen(text), LEX_PLAIN, &e), &e);
	all = sums_of(x->lex, &words);
	for (size_t i = 0; i < r.count && looked < KNOWN_HITS; i++) {
		if (is_gold(id, r.hits[i].chunk.key))
			continue;
		look_at_hit(&n, x, l, &words, &all, &r.hits[i]);
		looked++;
	}
	printf("%s\t%u\t%g\t%g\t%g\t%g\t%g\t%g\n", id, words.terms + words.unknown, all.idf,
	    all.weight, n.bm25, n.idf_share, n.share, n.cosine);
	arena_fini(&a);
}

int
main(int argc, char **argv)
{
	char name[GENERATION_NAME_BYTES], line[65536];
	struct query_scratch *s;
	struct lex_scratch *l;
	struct index *x;
	struct err e;
	FILE *f;

	if (argc < 4 || (f = fopen(argv[3], "r")) == NULL) {
		fprintf(stderr, "usage: bench_known DATA TENANT QUERIES.jsonl [QRELS.tsv]\n");
		return 64;
	}
	if (argc > 4)
		read_gold(argv[4]);
	must(generation_current(name, argv[1], argv[2], &e), &e);
	must(index_open(&x, argv[1], argv[2], name, &e), &e);
	must(query_scratch_new(&s, &e), &e);
	if ((l = lex_scratch_new(&e)) == NULL)
		must(-1, &e);
	while (fgets(line, sizeof line, f) != NULL) {
		struct json_object *o = json_tokener_parse(line), *id, *text;
		if (json_object_object_get_ex(o, "id", &id) && json_object_object_get_ex(o, "text", &text))
			ask(x, s, l, json_object_get_string(id), json_object_get_string(text));
		json_object_put(o);
	}
	fclose(f);
	lex_scratch_free(l);
	query_scratch_free(s);
	index_close(x);
	return 0;
}
