/* stem.c - stems and stop words of one language, with a small cache. */
#include "stem.h"

#include <stdlib.h>
#include <string.h>

#include <libstemmer.h>

#include "hash.h"
#include "stop.h"

/* A word and its stem share one line and a half; longer words are stemmed afresh. */
enum { CACHE_SLOTS = 4096, CACHED_BYTES = 22 };

struct cached {
	uint8_t word_len;	/* 0 when the slot is empty */
	uint8_t stem_len;
	bool is_stop_word;
	char word[CACHED_BYTES];
	char stem[CACHED_BYTES + 1];
};
_Static_assert(sizeof(struct cached) == 48, "the cache is meant to stay in L2");

struct stemmer {
	struct sb_stemmer *snowball;	/* NULL for "none" */
	enum stem_script script;
	bool is_english;
	char out[TERM_BYTES_MAX];
	struct cached cache[CACHE_SLOTS];
};

/* Languages of libstemmer that are not written in Latin letters. */
static const struct {
	const char *language;
	enum stem_script script;
} scripts[] = {
    {"arabic", STEM_ARABIC},
    {"armenian", STEM_ARMENIAN},
    {"greek", STEM_GREEK},
    {"hindi", STEM_DEVANAGARI},
    {"nepali", STEM_DEVANAGARI},
    {"russian", STEM_CYRILLIC},
    {"serbian", STEM_CYRILLIC},
    {"tamil", STEM_TAMIL},
    {"yiddish", STEM_HEBREW},
};

static enum stem_script
script_of(const char *language)
{
	for (size_t i = 0; i < sizeof scripts / sizeof scripts[0]; i++)
		if (strcmp(scripts[i].language, language) == 0)
			return scripts[i].script;
	return STEM_LATIN;
}

static bool
is_known(const char *language)
{
	for (const char **name = sb_stemmer_list(); *name != NULL; name++)
		if (strcmp(*name, language) == 0)
			return true;
	return false;
}

int
stemmer_new(struct stemmer **out, const char *language, struct err *e)
{
	bool is_none = strcmp(language, "none") == 0;
	struct stemmer *s;

	*out = NULL;
	if (!is_none && !is_known(language))
		return err_set(e, ERR_RANGE, "no stemmer for the language \"%.40s\"", language);
	if ((s = calloc(1, sizeof *s)) == NULL)
		return err_sys(e, ERR_NOMEM, "stemmer");
	if (!is_none && (s->snowball = sb_stemmer_new(language, NULL)) == NULL) {
		free(s);
		return err_set(e, ERR_NOMEM, "stemmer");
	}
	s->script = is_none ? STEM_NONE : script_of(language);
	s->is_english = strcmp(language, "english") == 0;
	*out = s;
	return 0;
}

void
stemmer_free(struct stemmer *s)
{
	if (s == NULL)
		return;
	if (s->snowball != NULL)
		sb_stemmer_delete(s->snowball);
	free(s);
}

bool
stemmer_is_english(const struct stemmer *s)
{
	return s->is_english;
}

bool
stem_is_latin(uint32_t cp)
{
	if (cp < 0x80)
		return (cp | 0x20) >= 'a' && (cp | 0x20) <= 'z';
	return (cp >= 0xc0 && cp <= 0x24f && cp != 0xd7 && cp != 0xf7) || cp == 0xaa ||
	    cp == 0xba || (cp >= 0x250 && cp <= 0x2af) || (cp >= 0x1d00 && cp <= 0x1dbf) ||
	    (cp >= 0x1e00 && cp <= 0x1eff) || (cp >= 0x2c60 && cp <= 0x2c7f) ||
	    (cp >= 0xa720 && cp <= 0xa7ff) || (cp >= 0xab30 && cp <= 0xab6f);
}

bool
stemmer_reads(const struct stemmer *s, uint32_t cp)
{
	switch (s->script) {
	case STEM_NONE:
		return false;
	case STEM_LATIN:
		return stem_is_latin(cp);
	case STEM_CYRILLIC:
		return cp >= 0x400 && cp <= 0x52f;
	case STEM_GREEK:
		return (cp >= 0x370 && cp <= 0x3ff) || (cp >= 0x1f00 && cp <= 0x1fff);
	case STEM_ARABIC:
		return cp >= 0x600 && cp <= 0x77f;
	case STEM_ARMENIAN:
		return cp >= 0x530 && cp <= 0x58f;
	case STEM_HEBREW:
		return cp >= 0x590 && cp <= 0x5ff;
	case STEM_DEVANAGARI:
		return cp >= 0x900 && cp <= 0x97f;
	case STEM_TAMIL:
		return cp >= 0xb80 && cp <= 0xbff;
	}
	return false;
}

/* The stem in s->out; a word no rule leaves anything of stays as it is. */
static struct stem
stem_afresh(struct stemmer *s, const char *word, size_t len)
{
	struct stem out = {word, len, s->is_english && stop_is_english(word, len)};
	const sb_symbol *stem;
	int n;

	if (s->snowball == NULL)
		return out;
	stem = sb_stemmer_stem(s->snowball, (const sb_symbol *)word, (int)len);
	n = stem != NULL ? sb_stemmer_length(s->snowball) : 0;
	if (n < 1 || n > TERM_BYTES_MAX)
		return out;
	memcpy(s->out, stem, (size_t)n);
	out.bytes = s->out;
	out.len = (size_t)n;
	return out;
}

struct stem
stemmer_stem(struct stemmer *s, const char *word, size_t len)
{
	struct cached *c;
	struct stem out;

	if (len > CACHED_BYTES)
		return stem_afresh(s, word, len);
	c = &s->cache[hash_word(word, len) % CACHE_SLOTS];
	if (c->word_len == len && memcmp(c->word, word, len) == 0)
		return (struct stem){c->stem, c->stem_len, c->is_stop_word};
	out = stem_afresh(s, word, len);
	if (out.len <= sizeof c->stem) {
		c->word_len = (uint8_t)len;
		c->stem_len = (uint8_t)out.len;
		c->is_stop_word = out.is_stop_word;
		memcpy(c->word, word, len);
		memcpy(c->stem, out.bytes, out.len);
	}
	return out;
}
