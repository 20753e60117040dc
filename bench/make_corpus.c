/* make_corpus.c - documents of invented words, as many as are wanted, the same every time.
 *
 *   make_corpus [-n PASSAGES] [-w WORDS] [-p PASSAGES_PER_DOCUMENT] [-v VOCABULARY]
 *       [-t TOPICS] [-s SEED] FOLDER
 *
 * Writes FOLDER/<thousand>/<number>.txt, each of PASSAGES_PER_DOCUMENT (10) paragraphs of about
 * WORDS (90) words, until there are PASSAGES (100000) paragraphs.
 *
 * Words   a word's rank follows Zipf's law over VOCABULARY (300000) words; three of ten words of
 *         a document are those of its topic, out of TOPICS (500): the same law over 3,000 words
 *         chosen for it.  So that there is something that latent semantic analysis can find, and
 *         a tail of rare words as real text has it.
 * Source  sampling by Walker's alias method (Vose 1991). */
#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { TOPIC_WORDS = 3000, TOPIC_PER_MILLE = 300, FOLDER_DOCUMENTS = 1000, SENTENCE_WORDS = 14 };

struct options {
	unsigned long passages, words, per_document, vocabulary, topics, seed;
	const char *folder;
};

/* ---- chance ---- */

static uint64_t
next_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;	/* splitmix64 */

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static uint32_t
random_below(uint64_t *state, uint32_t n)
{
	return (uint32_t)(((next_random(state) >> 32) * n) >> 32);
}

struct alias {
	uint32_t n;
	double *share;
	uint32_t *other;
};

static void *
need(size_t n, size_t size)
{
	void *p = calloc(n, size);

	if (p == NULL)
		err(71, "memory");
	return p;
}

/* Rank r of n has 1 / (r + 2.7), Mandelbrot's form, which fits running text. */
static struct alias
zipf(uint32_t n)
{
	struct alias a = {n, need(n, sizeof(double)), need(n, sizeof(uint32_t))};
	uint32_t *small = need(n, sizeof *small), *large = need(n, sizeof *large);
	uint32_t smalls = 0, larges = 0;
	double sum = 0;

	for (uint32_t i = 0; i < n; i++)
		sum += 1 / (i + 2.7);
	for (uint32_t i = 0; i < n; i++) {
		a.share[i] = n / (i + 2.7) / sum;
		*(a.share[i] < 1 ? &small[smalls++] : &large[larges++]) = i;
	}
	while (smalls > 0 && larges > 0) {
		uint32_t s = small[--smalls], l = large[larges - 1];
		a.other[s] = l;
		a.share[l] -= 1 - a.share[s];
		if (a.share[l] < 1)
			small[smalls++] = large[--larges];
	}
	while (smalls > 0)
		a.share[small[--smalls]] = 1;
	while (larges > 0)
		a.share[large[--larges]] = 1;
	free(small);
	free(large);
	return a;
}

static uint32_t
draw(const struct alias *a, uint64_t *state)
{
	uint32_t i = random_below(state, a->n);

	return (double)(next_random(state) >> 11) / 9007199254740992.0 < a->share[i] ? i
										      : a->other[i];
}

/* ---- words ---- */

/* A frequent word is short: syllables are the digits of its rank. */
static size_t
spell(char *out, uint32_t rank)
{
	static const char onsets[] = "btkdlmnprsvgfhzjcwxq", vowels[] = "aeiou";
	size_t n = 0;

	do {
		out[n++] = onsets[rank % 20];
		out[n++] = vowels[rank / 20 % 5];
		rank /= 100;
	} while (rank > 0);
	out[n] = "nrslt"[((size_t)out[0] + n) % 5];
	return n + 1;
}

struct corpus {
	const struct options *o;
	struct alias all, own;
	uint64_t state;
};

static uint32_t
next_word(struct corpus *c, uint64_t topic)
{
	uint64_t of_topic;

	if (random_below(&c->state, 1000) >= TOPIC_PER_MILLE)
		return draw(&c->all, &c->state);
	of_topic = topic * TOPIC_WORDS + draw(&c->own, &c->state);
	return random_below(&of_topic, (uint32_t)c->o->vocabulary);
}

static void
write_paragraph(struct corpus *c, FILE *f, uint64_t topic)
{
	unsigned long spread = c->o->words / 4;
	unsigned long words = c->o->words - spread / 2 + random_below(&c->state, (uint32_t)spread + 1);
	char word[32];
	size_t n;

	for (unsigned long i = 0; i < words; i++) {
		n = spell(word, next_word(c, topic));
		if (i % SENTENCE_WORDS == 0)
			word[0] = (char)(word[0] - 'a' + 'A');
		fwrite(word, 1, n, f);
		if (i + 1 == words || (i + 1) % SENTENCE_WORDS == 0)
			putc('.', f);
		putc(i + 1 == words ? '\n' : ' ', f);
	}
	putc('\n', f);
}

/* ---- files ---- */

static void
write_document(struct corpus *c, unsigned long number, unsigned long paragraphs)
{
	uint64_t topic = random_below(&c->state, (uint32_t)c->o->topics);
	char path[PATH_MAX];
	FILE *f;

	snprintf(path, sizeof path, "%s/%lu", c->o->folder, number / FOLDER_DOCUMENTS);
	if (number % FOLDER_DOCUMENTS == 0 && mkdir(path, 0755) == -1 && errno != EEXIST)
		err(74, "%s", path);
	snprintf(path, sizeof path, "%s/%lu/%lu.txt", c->o->folder, number / FOLDER_DOCUMENTS,
	    number);
	if ((f = fopen(path, "we")) == NULL)
		err(74, "%s", path);
	for (unsigned long i = 0; i < paragraphs; i++)
		write_paragraph(c, f, topic);
	if (fclose(f) == EOF)
		err(74, "%s", path);
}

static unsigned long
number_of(const char *text, unsigned long max)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (*text == '\0' || *end != '\0' || n == 0 || n > max)
		errx(64, "\"%s\" is no number between 1 and %lu", text, max);
	return n;
}

static void
read_options(struct options *o, int argc, char **argv)
{
	int c;

	while ((c = getopt(argc, argv, "n:w:p:v:t:s:")) != -1) {
		if (c == 'n')
			o->passages = number_of(optarg, 1000000000);
		else if (c == 'w')
			o->words = number_of(optarg, 100000);
		else if (c == 'p')
			o->per_document = number_of(optarg, 100000);
		else if (c == 'v')
			o->vocabulary = number_of(optarg, 100000000);
		else if (c == 't')
			o->topics = number_of(optarg, 1000000);
		else if (c == 's')
			o->seed = number_of(optarg, ULONG_MAX);
		else
			exit(64);
	}
	if (optind + 1 != argc)
		errx(64, "usage: make_corpus [-n PASSAGES] [-w WORDS] [-p PER_DOCUMENT] "
			 "[-v VOCABULARY] [-t TOPICS] [-s SEED] FOLDER");
	o->folder = argv[optind];
}

int
main(int argc, char **argv)
{
	struct options o = {.passages = 100000, .words = 90, .per_document = 10,
	    .vocabulary = 300000, .topics = 500, .seed = 1};
	struct corpus c = {.o = &o};

	read_options(&o, argc, argv);
	if (mkdir(o.folder, 0755) == -1 && errno != EEXIST)
		err(74, "%s", o.folder);
	c.state = o.seed;
	c.all = zipf((uint32_t)o.vocabulary);
	c.own = zipf(TOPIC_WORDS);
	for (unsigned long done = 0, number = 0; done < o.passages; number++) {
		unsigned long left = o.passages - done;
		unsigned long here = left < o.per_document ? left : o.per_document;
		write_document(&c, number, here);
		done += here;
	}
	free(c.all.share);
	free(c.all.other);
	free(c.own.share);
	free(c.own.other);
	return 0;
}
