/* wordpiece.c - BERT's uncased WordPiece. */
#include "wordpiece.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <utf8proc.h>

#include "file.h"
#include "hash.h"
#include "json.h"
#include "utf8.h"

enum {
	FILE_MAX = 64 << 20,
	IDS_MAX = 1 << 22,
	WORD_CHARACTERS_MAX = 100,
	WORD_BYTES_MAX = 4 * WORD_CHARACTERS_MAX,
};

/* One place of the hash table. */
struct wordpiece_token {
	uint32_t at;		/* of its bytes in the pool */
	uint32_t len;		/* 0: the place is free */
	uint32_t id;
	bool continues;		/* was written with the prefix */
};

struct wordpiece {
	struct wordpiece_token *place;
	size_t mask;		/* places - 1, a power of two less 1 */
	char *pool;
	uint32_t ids;
	size_t longest;		/* bytes of the longest token */
	bool keeps_case;
	bool keeps_accents;
};

/* ---- vocabulary ---- */

/* FNV-1a; the file is the operator's, not a client's. */
static uint32_t
hash_token(const char *s, size_t len, bool continues)
{
	uint32_t h = continues ? 0x9e3779b9u : 0x811c9dc5u;

	for (size_t i = 0; i < len; i++)
		h = (h ^ (unsigned char)s[i]) * 0x01000193u;
	return h ^ h >> 15;
}

/* The token's place, or the free one where it would be. */
static struct wordpiece_token *
locate(const struct wordpiece *w, const char *s, size_t len, bool continues)
{
	size_t i = hash_token(s, len, continues) & w->mask;

	for (;; i = (i + 1) & w->mask) {
		struct wordpiece_token *t = &w->place[i];
		if (t->len == 0 || (t->len == len && t->continues == continues &&
		    memcmp(w->pool + t->at, s, len) == 0))
			return t;
	}
}

static int
count_vocabulary(struct json_object *vocab, size_t *bytes, size_t *tokens, struct err *e)
{
	*bytes = *tokens = 0;
	json_object_object_foreach(vocab, name, value) {
		if (!json_object_is_type(value, json_type_int) ||
		    json_object_get_int64(value) < 0 || json_object_get_int64(value) >= IDS_MAX)
			return err_set(e, ERR_CORRUPT, "tokenizer.json: bad id of \"%.40s\"", name);
		*bytes += strlen(name);
		++*tokens;
	}
	if (*tokens == 0 || *tokens > IDS_MAX)
		return err_set(e, ERR_CORRUPT, "tokenizer.json: %zu tokens", *tokens);
	return 0;
}

static int
take_vocabulary(struct wordpiece *w, struct json_object *vocab, const char *prefix, struct err *e)
{
	size_t bytes, tokens, places = 16, at = 0, prefix_len = strlen(prefix);

	if (count_vocabulary(vocab, &bytes, &tokens, e) == -1)
		return -1;
	while (places < 2 * tokens)
		places *= 2;
	w->mask = places - 1;
	w->place = calloc(places, sizeof *w->place);
	w->pool = malloc(bytes + 1);
	if (w->place == NULL || w->pool == NULL)
		return err_set(e, ERR_NOMEM, "a vocabulary of %zu tokens", tokens);
	json_object_object_foreach(vocab, name, value) {
		size_t len = strlen(name);
		uint32_t id = (uint32_t)json_object_get_int64(value);
		bool continues = len > prefix_len && memcmp(name, prefix, prefix_len) == 0;
		struct wordpiece_token *t;
		if (continues) {
			name += prefix_len;
			len -= prefix_len;
		}
		if (len == 0)
			continue;
		t = locate(w, name, len, continues);
		memcpy(w->pool + at, name, len);
		*t = (struct wordpiece_token){(uint32_t)at, (uint32_t)len, id, continues};
		at += len;
		if (id >= w->ids)
			w->ids = id + 1;
		if (len > w->longest)
			w->longest = len;
	}
	return 0;
}

static int
take_model(struct wordpiece *w, struct json_object *root, struct err *e)
{
	struct json_object *model, *vocab;
	const char *type = NULL, *prefix = "##";
	int64_t most = WORD_CHARACTERS_MAX;

	if (json_get_object(root, "model", true, &model, e) == -1 ||
	    json_get_text(model, "type", false, 40, &type, e) == -1 ||
	    json_get_text(model, "continuing_subword_prefix", false, 8, &prefix, e) == -1 ||
	    json_get_int(model, "max_input_chars_per_word", false, 1, INT32_MAX, &most, e) == -1 ||
	    json_get_object(model, "vocab", true, &vocab, e) == -1)
		return -1;
	if ((type != NULL && strcmp(type, "WordPiece") != 0) || most != WORD_CHARACTERS_MAX ||
	    *prefix == '\0')
		return err_set(e, ERR_UNSUPPORTED, "tokenizer.json: only WordPiece with words of "
		    "up to %d characters is known", WORD_CHARACTERS_MAX);
	return take_vocabulary(w, vocab, prefix, e);
}

static int
take_normalizer(struct wordpiece *w, struct json_object *root, struct err *e)
{
	struct json_object *normalizer = NULL;
	const char *type = "";
	bool lowercase = true, strip;

	if (json_get_object(root, "normalizer", false, &normalizer, e) == -1)
		return -1;
	if (normalizer == NULL)
		return 0;
	if (json_get_text(normalizer, "type", true, 40, &type, e) == -1 ||
	    json_get_bool(normalizer, "lowercase", false, &lowercase, e) == -1)
		return -1;
	strip = lowercase;		/* what null means there */
	if (json_get_bool(normalizer, "strip_accents", false, &strip, e) == -1)
		return -1;
	if (strcmp(type, "BertNormalizer") != 0)
		return err_set(e, ERR_UNSUPPORTED, "tokenizer.json: only BertNormalizer is known");
	w->keeps_case = !lowercase;
	w->keeps_accents = !strip;
	return 0;
}

int
wordpiece_open(struct wordpiece **out, const char *path, uint32_t *crc, struct err *e)
{
	struct wordpiece *w = calloc(1, sizeof *w);
	struct json_object *root = NULL;
	char *bytes = NULL;
	size_t len;
	int rc = -1;

	*out = NULL;
	if (w == NULL) {
		err_sys(e, ERR_NOMEM, "%s", path);
		goto out;
	}
	if (file_read(&bytes, &len, path, FILE_MAX, e) == -1)
		goto out;
	*crc = hash_crc32c(0, bytes, len);
	if (json_parse_object(&root, bytes, len, e) == -1 || take_normalizer(w, root, e) == -1 ||
	    take_model(w, root, e) == -1) {
		err_prefix(e, "%s", path);
		goto out;
	}
	*out = w;
	w = NULL;
	rc = 0;
out:
	json_object_put(root);
	free(bytes);
	wordpiece_close(w);
	return rc;
}

void
wordpiece_close(struct wordpiece *w)
{
	if (w == NULL)
		return;
	free(w->place);
	free(w->pool);
	free(w);
}

uint32_t
wordpiece_ids(const struct wordpiece *w)
{
	return w->ids;
}

/* ---- text ---- */

struct wordpiece_run {
	const struct wordpiece *w;
	void (*each)(void *context, uint32_t id);
	void *context;
	char word[WORD_BYTES_MAX];
	size_t len;
	unsigned characters;	/* may count on past WORD_CHARACTERS_MAX; word does not */
};

/* The longest token at the beginning of s[0..len), its bytes; 0 when there is none. */
static size_t
longest_piece(const struct wordpiece *w, const char *s, size_t len, bool continues, uint32_t *id)
{
	size_t n = len < w->longest ? len : utf8_floor(s, w->longest);

	while (n > 0) {
		const struct wordpiece_token *t = locate(w, s, n, continues);
		if (t->len != 0) {
			*id = t->id;
			return n;
		}
		do			/* one character less */
			n--;
		while (n > 0 && ((unsigned char)s[n] & 0xc0) == 0x80);
	}
	return 0;
}

static void
end_word(struct wordpiece_run *r)
{
	uint32_t id[WORD_CHARACTERS_MAX];
	size_t at = 0, n;
	unsigned pieces = 0;

	if (r->characters <= WORD_CHARACTERS_MAX) {
		for (; at < r->len; at += n) {
			n = longest_piece(r->w, r->word + at, r->len - at, at > 0, &id[pieces]);
			if (n == 0) {
				pieces = 0;	/* one unknown piece makes the word unknown */
				break;
			}
			pieces++;
		}
		for (unsigned i = 0; i < pieces; i++)
			r->each(r->context, id[i]);
	}
	r->len = 0;
	r->characters = 0;
}

static void
add_character(struct wordpiece_run *r, int32_t cp)
{
	if (++r->characters <= WORD_CHARACTERS_MAX)
		r->len += (size_t)utf8proc_encode_char(cp, (utf8proc_uint8_t *)r->word + r->len);
}

enum character_kind { IN_WORD, SPACE, ALONE, NOTHING };

static enum character_kind
kind_of(const struct wordpiece *w, int32_t cp)
{
	utf8proc_category_t c = utf8proc_category(cp);

	if (cp == '\t' || cp == '\n' || cp == '\r' ||
	    (c >= UTF8PROC_CATEGORY_ZS && c <= UTF8PROC_CATEGORY_ZP))
		return SPACE;
	if (c == UTF8PROC_CATEGORY_CN || c >= UTF8PROC_CATEGORY_CC || cp == 0xfffd)
		return NOTHING;
	if (c == UTF8PROC_CATEGORY_MN && !w->keeps_accents)
		return NOTHING;
	if ((c >= UTF8PROC_CATEGORY_PC && c <= UTF8PROC_CATEGORY_PO) ||
	    (cp < 128 && c >= UTF8PROC_CATEGORY_SM && c <= UTF8PROC_CATEGORY_SO) ||
	    (utf8_is_han((uint32_t)cp) && cp != 0x3005 && cp != 0x3007))
		return ALONE;
	return IN_WORD;
}

/* One character of the normalised text. */
static void
take_character(struct wordpiece_run *r, int32_t cp)
{
	switch (kind_of(r->w, cp)) {
	case NOTHING:
		break;
	case SPACE:
		end_word(r);
		break;
	case ALONE:
		end_word(r);
		add_character(r, cp);
		end_word(r);
		break;
	case IN_WORD:
		add_character(r, cp);
		break;
	}
}

static void
normalise_character(struct wordpiece_run *r, uint32_t cp)
{
	utf8proc_int32_t part[32], c = (utf8proc_int32_t)cp;
	int boundary = 0;
	utf8proc_ssize_t n;

	if (!r->w->keeps_case)
		c = utf8proc_tolower(c);
	if (r->w->keeps_accents) {
		take_character(r, c);
		return;
	}
	n = utf8proc_decompose_char(c, part, 32, UTF8PROC_DECOMPOSE, &boundary);
	for (utf8proc_ssize_t i = 0; i < n && i < 32; i++)
		take_character(r, part[i]);
}

void
wordpiece_run(const struct wordpiece *w, const char *text, size_t len,
    void (*each)(void *context, uint32_t id), void *context)
{
	struct wordpiece_run r = {.w = w, .each = each, .context = context};
	uint32_t cp;

	for (size_t i = 0; i < len;) {
		size_t n = utf8_next(text + i, len - i, &cp);
		if (n == 0) {
			end_word(&r);
			i++;
			continue;
		}
		normalise_character(&r, cp);
		i += n;
	}
	end_word(&r);
}
