/* tenant_doc.c - one tenant's JSON document to build parameters. */
#include "tenant_doc.h"

#include <libstemmer.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "arena.h"
#include "bounds.h"
#include "gateway_client.h"
#include "gate.h"
#include "golden.h"
#include "json.h"
#include "store_about.h"

enum { NOTES_MAX = 4096, GOLDEN_ARENA_MAX = 1 << 20, CHARACTERS_PER_TOKEN = 8 };

typedef int compare_fn(const char *a, const char *b);

static bool
is_listed(const char *name, const char *const *list, size_t count, compare_fn *compare)
{
	for (size_t i = 0; i < count; i++)
		if (compare(name, list[i]) == 0)
			return true;
	return false;
}

/* A secret in the document would be kept in Consul, in last-known-good files and in
 * every backup of both. */
static int
refuse_secrets(struct json_object *o, struct err *e)
{
	static const char *const names[] = {"secret_access_key", "aws_secret_access_key",
	    "secret_key", "secret", "client_secret", "api_key", "apikey", "api-key", "token",
	    "access_token", "auth_token", "session_token", "aws_session_token", "bearer_token",
	    "password", "passwd", "private_key"};

	if (json_object_is_type(o, json_type_array)) {
		for (size_t i = 0; i < json_object_array_length(o); i++)
			if (refuse_secrets(json_object_array_get_idx(o, i), e) == -1)
				return -1;
		return 0;
	}
	if (!json_object_is_type(o, json_type_object))
		return 0;
	json_object_object_foreach(o, key, child) {
		if (is_listed(key, names, sizeof names / sizeof names[0], strcasecmp))
			return err_set(e, ERR_CONFIG,
			    "\"%s\" holds a secret; a document may only name credentials", key);
		if (refuse_secrets(child, e) == -1)
			return -1;
	}
	return 0;
}

static int
compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int put_canonical(struct buf *b, struct json_object *o, struct err *e);

static int
put_canonical_object(struct buf *b, struct json_object *o, struct err *e)
{
	size_t count = (size_t)json_object_object_length(o), i = 0;
	const char **names = calloc(count + 1, sizeof *names);
	struct json_object *child;
	int rc = 0;

	if (names == NULL)
		return err_set(e, ERR_NOMEM, "no memory for a document");
	json_object_object_foreach(o, key, unused) {
		(void)unused;
		names[i++] = key;
	}
	qsort(names, count, sizeof *names, compare_names);
	buf_addc(b, '{');
	for (i = 0; i < count && rc == 0; i++) {
		if (i > 0)
			buf_addc(b, ',');
		json_put_text(b, names[i], strlen(names[i]));
		buf_addc(b, ':');
		json_object_object_get_ex(o, names[i], &child);
		rc = put_canonical(b, child, e);
	}
	buf_addc(b, '}');
	free(names);
	return rc;
}

static int
put_canonical(struct buf *b, struct json_object *o, struct err *e)
{
	switch (json_object_get_type(o)) {
	case json_type_object:
		return put_canonical_object(b, o, e);
	case json_type_array:
		buf_addc(b, '[');
		for (size_t i = 0; i < json_object_array_length(o); i++) {
			if (i > 0)
				buf_addc(b, ',');
			if (put_canonical(b, json_object_array_get_idx(o, i), e) == -1)
				return -1;
		}
		buf_addc(b, ']');
		return 0;
	case json_type_string:
		json_put_text(
		    b, json_object_get_string(o), (size_t)json_object_get_string_len(o));
		return 0;
	case json_type_double:
		buf_addf(b, "%.17g", json_object_get_double(o));
		return 0;
	default:
		buf_adds(b, json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN));
		return 0;
	}
}

static int
hash_canonical(struct json_object *root, char hash[SHA256_HEX_BYTES], struct err *e)
{
	uint8_t digest[SHA256_BYTES];
	struct buf b;
	int rc = -1;

	/* Escapes may be written longer than they came: six bytes for one at the most. */
	buf_init(&b, 6 * TENANT_CONFIG_MAX + 64);
	if (put_canonical(&b, root, e) == 0 && buf_check(&b, "a document", e) == 0 &&
	    hash_sha256_of(b.data, b.len, digest, e) == 0) {
		hash_hex(digest, hash);
		rc = 0;
	}
	buf_fini(&b);
	return rc;
}

static void
note_unknown(struct buf *notes, const char *where, struct json_object *o,
    const char *const *known, size_t count)
{
	json_object_object_foreach(o, key, child) {
		(void)child;
		if (!is_listed(key, known, count, strcmp))
			buf_addf(notes, "%s\"%.64s\" is unknown and has no effect\n", where, key);
	}
}

static int
copy_text(char *out, size_t size, const char *what, const char *text, struct err *e)
{
	size_t n = strlen(text);

	if (n >= size)
		return err_set(e, ERR_RANGE, "\"%s\" is longer than %zu bytes", what, size - 1);
	memcpy(out, text, n + 1);
	return 0;
}

static int
read_source(struct tenant_doc *d, struct json_object *root, struct err *e)
{
	struct json_object *source = NULL;

	if (json_get_object(root, "data_source", true, &source, e) == -1)
		return -1;
	if ((d->source = calloc(1, sizeof *d->source)) == NULL)
		return err_set(e, ERR_NOMEM, "no memory for a document");
	if (source_options_read(d->source, source, &d->notes, e) == -1)
		return -1;
	if (copy_text(d->config.source_type, sizeof d->config.source_type, "type",
		d->source->type_name, e) == -1)
		return -1;
	return copy_text(d->config.source_path, sizeof d->config.source_path, "path",
	    d->source->path, e);
}

static int
read_language(struct tenant_doc *d, struct json_object *params, struct err *e)
{
	const char *language = "english", **names = sb_stemmer_list();

	if (json_get_text(params, "language", false, LANGUAGE_BYTES - 1, &language, e) == -1)
		return -1;
	while (*names != NULL && strcmp(*names, language) != 0)
		names++;
	if (*names == NULL && strcmp(language, "none") != 0)
		return err_set(e, ERR_CONFIG,
		    "\"language\" is \"%s\"; it may be none or a stemmer such as english or german",
		    language);
	return copy_text(d->config.language, sizeof d->config.language, "language", language, e);
}

/* A member that takes one of a few words; *at is the place of the one it has. */
static int
read_word(struct json_object *o, const char *name, const char *const *words, int *at,
    struct err *e)
{
	const char *text = NULL;

	if (json_get_text(o, name, false, 64, &text, e) == -1)
		return -1;
	if (text == NULL)
		return 0;
	for (int i = 0; words[i] != NULL; i++) {
		if (strcasecmp(words[i], text) == 0) {
			*at = i;
			return 0;
		}
	}
	return err_set(e, ERR_CONFIG, "\"%s\" is \"%s\"; it may be %s, %s%s%s", name, text, words[0],
	    words[1], words[2] != NULL ? ", " : "", words[2] != NULL ? words[2] : "");
}

/* "params": {"M", "efConstruction", "ef"}. */
static int
read_hnsw(struct tenant_doc *d, struct json_object *params, struct err *e)
{
	static const char *const known[] = {"M", "efConstruction", "ef"};
	struct json_object *inner = NULL;
	int64_t m = 0, ef_construction = 0, ef = 0;

	if (json_get_object(params, "params", false, &inner, e) == -1)
		return -1;
	if (inner == NULL)
		return 0;
	if (json_get_int(inner, "M", false, 2, DENSE_M_MAX, &m, e) == -1 ||
	    json_get_int(inner, "efConstruction", false, 1, DENSE_EF_MAX, &ef_construction, e) ==
		-1 ||
	    json_get_int(inner, "ef", false, 1, DENSE_EF_MAX, &ef, e) == -1) {
		err_prefix(e, "params");
		return -1;
	}
	if (ef != 0)
		buf_adds(&d->notes, "index_params: params: \"ef\" is chosen by each query\n");
	d->config.m = (unsigned)m;
	d->config.ef_construction = (unsigned)ef_construction;
	note_unknown(
	    &d->notes, "index_params: params: ", inner, known, sizeof known / sizeof known[0]);
	return 0;
}

/* Names as Milvus has them.  All vectors are of unit length, so that its three metrics
 * rank alike, and none needs another index. */
static int
read_graph_params(struct tenant_doc *d, struct json_object *params, struct err *e)
{
	static const char *const types[] = {"HNSW", "FLAT", NULL};
	static const char *const metrics[] = {"COSINE", "IP", "L2", NULL};
	static const char *const precisions[] = {"fp16", "fp32", NULL};
	int type = 0, metric = 0, precision = 0;

	if (read_word(params, "index_type", types, &type, e) == -1 ||
	    read_word(params, "metric_type", metrics, &metric, e) == -1 ||
	    read_word(params, "vector_precision", precisions, &precision, e) == -1)
		return -1;
	d->config.graph = type == 1 ? DENSE_GRAPH_NEVER : DENSE_GRAPH_AUTO;
	d->config.exact = precision == 1 ? DENSE_FP32 : DENSE_FP16;
	return read_hnsw(d, params, e);
}

/* "separators": ["\n## ", ...], regular expressions, the first the strongest. */
static int
read_separators(struct tenant_doc *d, struct json_object *params, struct err *e)
{
	struct json_object *list = NULL;
	size_t used = 0;

	if (json_get_array(params, "separators", false, &list, e) == -1)
		return -1;
	for (size_t i = 0; list != NULL && i < json_object_array_length(list); i++) {
		struct json_object *o = json_object_array_get_idx(list, i);
		const char *s = json_object_get_string(o);
		size_t n;

		if (!json_object_is_type(o, json_type_string) || s[0] == '\0')
			return err_set(e, ERR_TYPE,
			    "\"separators\" must be a list of strings that are not empty");
		n = strlen(s) + 1;
		if (used + n >= sizeof d->config.separators)
			return err_set(e, ERR_RANGE, "\"separators\" are longer than %d bytes",
			    SEPARATORS_BYTES);
		memcpy(d->config.separators + used, s, n);
		used += n;
	}
	d->config.separators[used] = '\0';
	return 0;
}

/* The sizes are those of the unit; nobody need repeat what chunk.h checks. */
static int
read_chunking(struct tenant_doc *d, struct json_object *params, struct err *e)
{
	int64_t most = (int64_t)CHUNK_TOKENS_MAX * CHARACTERS_PER_TOKEN;
	int64_t size = CHUNK_SIZE_DEFAULT, overlap = -1, parent = 0;
	const char *unit = "tokens";
	struct chunk_params p;

	if (json_get_text(params, "chunk_unit", false, 32, &unit, e) == -1)
		return -1;
	if (chunk_unit_by_name(unit, &d->config.chunk_unit) == -1)
		return err_set(e, ERR_CONFIG,
		    "\"chunk_unit\" is \"%s\"; it may be tokens, characters, words", unit);
	if (d->config.chunk_unit != CHUNK_CHARACTERS)
		most = CHUNK_TOKENS_MAX;
	if (json_get_int(params, "chunk_size", false, CHUNK_TOKENS_MIN, most, &size, e) == -1 ||
	    json_get_int(params, "chunk_overlap", false, 0, most, &overlap, e) == -1 ||
	    json_get_int(params, "parent_size", false, 0, most, &parent, e) == -1 ||
	    read_separators(d, params, e) == -1)
		return -1;
	if (overlap == -1)
		overlap = size / 4 < CHUNK_OVERLAP_DEFAULT ? size / 4 : CHUNK_OVERLAP_DEFAULT;
	if (overlap >= size)
		return err_set(e, ERR_CONFIG, "\"chunk_overlap\" must be less than \"chunk_size\"");
	if (parent != 0 && parent <= size)
		return err_set(e, ERR_CONFIG, "\"parent_size\" must be more than \"chunk_size\"");
	d->config.chunk_size = (unsigned)size;
	d->config.chunk_overlap = (unsigned)overlap;
	d->config.parent_size = (unsigned)parent;
	if (build_chunk_params(&d->config, &p, e) == -1)
		return -1;
	chunk_rules_free(p.rules);
	return 0;
}

static int
read_params(struct tenant_doc *d, struct json_object *params, struct err *e)
{
	static const char *const known[] = {"chunk_size", "chunk_overlap", "chunk_unit",
	    "parent_size", "separators", "language", "index_type", "metric_type",
	    "vector_precision", "params"};

	if (read_chunking(d, params, e) == -1)
		return -1;
	note_unknown(
	    &d->notes, "index_params: ", params, known, sizeof known / sizeof known[0]);
	if (read_language(d, params, e) == -1)
		return -1;
	return read_graph_params(d, params, e);
}

/* A model with a name needs the gateway; where there is none, say so instead of leaving the
 * tenant without an index.  Whether the gateway knows the name is the build's to find out. */
static int
read_model(struct tenant_doc *d, struct json_object *root, struct err *e)
{
	const char *model = "builtin:lsa";

	if (json_get_text(root, "embedding_model", false, MODEL_NAME_BYTES - 1, &model, e) == -1)
		return -1;
	if (model[0] == '\0')
		return err_set(e, ERR_CONFIG, "\"embedding_model\" is empty");
	if (strncmp(model, "static:", 7) == 0 && model[7] != '/')
		return err_set(e, ERR_CONFIG,
		    "\"embedding_model\": static: is followed by the absolute path of a folder");
	if (strcmp(model, "builtin:lsa") != 0 && strncmp(model, "static:", 7) != 0 &&
	    gateway_socket() == NULL) {
		buf_addf(&d->notes, "embedding_model: no gateway to models is configured for "
				    "\"%.100s\"; built with builtin:lsa\n", model);
		model = "builtin:lsa";
	}
	return copy_text(d->config.embedding_model, sizeof d->config.embedding_model,
	    "embedding_model", model, e);
}

/* Who writes answers.  Whether the gateway knows the name shows when it is asked: until then, and
 * without a gateway, answers are extractive. */
static int
read_answer(struct tenant_doc *d, struct json_object *root, struct err *e)
{
	static const char *const known[] = {"model"};
	struct json_object *answer = NULL;
	const char *model = "";

	if (json_get_object(root, "answer", false, &answer, e) == -1)
		return -1;
	if (answer == NULL)
		return 0;
	if (json_get_text(answer, "model", true, MODEL_NAME_BYTES - 1, &model, e) == -1) {
		err_prefix(e, "answer");
		return -1;
	}
	if (model[0] == '\0')
		return err_set(e, ERR_CONFIG, "answer: \"model\" is empty; \"none\" is for no model");
	if (strcmp(model, "none") != 0 && gateway_socket() == NULL)
		buf_addf(&d->notes, "answer: no gateway to models is configured for \"%.100s\"; "
				    "answers are extractive\n", model);
	note_unknown(&d->notes, "answer: ", answer, known, sizeof known / sizeof known[0]);
	return copy_text(d->config.answer_model, sizeof d->config.answer_model, "answer", model, e);
}

#define CANARY_WINDOW_MAX_MS INT64_C(86400000)
#define LIFE_MAX_MS INT64_C(31536000000)

/* "90s", "30m": as times are written in ragpool.conf. */
static int
parse_time(const char *member, const char *text, int64_t max_ms, int64_t *ms, struct err *e)
{
	static const struct {
		const char *name;
		int64_t ms;
	} units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
	size_t digits = strspn(text, "0123456789");

	for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
		if (digits == 0 || digits > 9 || strcmp(text + digits, units[i].name) != 0)
			continue;
		*ms = strtoll(text, NULL, 10) * units[i].ms;
		return *ms <= max_ms ?
		    0 :
		    err_set(e, ERR_RANGE, "\"%s\" is \"%s\"; it may be up to %lldd", member, text,
			(long long)(max_ms / 86400000));
	}
	return err_set(e, ERR_CONFIG,
	    "\"%s\" is \"%s\"; it is a whole number with ms, s, m, h or d", member, text);
}

static int
read_time(struct json_object *o, const char *member, int64_t max_ms, int64_t *ms, struct err *e)
{
	const char *text = NULL;

	if (json_get_text(o, member, false, 32, &text, e) == -1)
		return -1;
	return text != NULL ? parse_time(member, text, max_ms, ms, e) : 0;
}

static int
read_rollout(struct tenant_doc *d, struct json_object *root, struct err *e)
{
	static const char *const known[] = {"canary_window"};
	struct json_object *rollout = NULL;

	if (json_get_object(root, "rollout", false, &rollout, e) == -1)
		return -1;
	if (rollout == NULL)
		return 0;
	if (read_time(rollout, "canary_window", CANARY_WINDOW_MAX_MS, &d->canary_window_ms, e) == -1) {
		err_prefix(e, "rollout");
		return -1;
	}
	note_unknown(&d->notes, "rollout: ", rollout, known, sizeof known / sizeof known[0]);
	return 0;
}

static int
read_life(struct tenant_doc *d, struct json_object *root, struct err *e)
{
	static const char *const known[] = {"keep_generations", "generation_ttl", "cold_after"};
	struct json_object *life = NULL;
	int64_t keep = 0;

	d->life = (struct tenant_life){.ttl_ms = -1, .cold_after_ms = -1};
	if (json_get_object(root, "lifecycle", false, &life, e) == -1)
		return -1;
	if (life == NULL)
		return 0;
	if (json_get_int(life, "keep_generations", false, 2, 100, &keep, e) == -1 ||
	    read_time(life, "generation_ttl", LIFE_MAX_MS, &d->life.ttl_ms, e) == -1 ||
	    read_time(life, "cold_after", LIFE_MAX_MS, &d->life.cold_after_ms, e) == -1) {
		err_prefix(e, "lifecycle");
		return -1;
	}
	d->life.keep = (unsigned)keep;
	note_unknown(&d->notes, "lifecycle: ", life, known, sizeof known / sizeof known[0]);
	return 0;
}

/* The gate reads them when a generation was made; whoever writes them learns it now. */
static int
check_golden(struct json_object *root, struct err *e)
{
	struct json_object *list = NULL;
	struct golden golden = {0};
	struct arena a;
	int rc;

	json_object_object_get_ex(root, "golden", &list);
	arena_init(&a, GOLDEN_ARENA_MAX);
	rc = golden_read_member(&golden, list, &a, e);
	arena_fini(&a);
	return rc;
}

/* Percentages of the gate, of which the build asks the first. */
static int
read_gate(struct tenant_doc *d, struct json_object *root, struct err *e)
{
	struct gate_limits limits = {.max_shrink = TENANT_DOC_AS_THE_POOL};
	struct json_object *gate = NULL;

	json_object_object_get_ex(root, "gate", &gate);
	if (gate_limits_read(&limits, gate, e) == -1)
		return -1;
	d->max_shrink = limits.max_shrink;
	return 0;
}

/* What clients call it; see store_about.h. */
static int
check_store(struct json_object *root, struct err *e)
{
	struct json_object *store = NULL;

	if (json_get_object(root, "store", false, &store, e) == -1)
		return -1;
	if (store == NULL || store_about_check(store, e) == 0)
		return 0;
	err_prefix(e, "store");
	return -1;
}

static int
read_root(struct tenant_doc *d, struct json_object *root, struct err *e)
{
	static const char *const known[] = {
	    "version", "data_source", "index_params", "embedding_model", "answer", "rollout",
	    "lifecycle", "golden", "gate", "store"};
	struct json_object *params = NULL, *none = NULL;
	const char *version = NULL;
	int rc;

	if (json_get_text(root, "version", true, VERSION_BYTES, &version, e) == -1)
		return -1;
	if (version[0] == '\0')
		return err_set(e, ERR_CONFIG, "\"version\" is empty");
	for (const char *s = version; *s != '\0'; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			return err_set(e, ERR_CONFIG, "\"version\" has a control character in it");
	if (copy_text(d->config.version, sizeof d->config.version, "version", version, e) == -1)
		return -1;
	if (read_source(d, root, e) == -1) {
		err_prefix(e, "data_source");
		return -1;
	}
	if (check_store(root, e) == -1 || read_model(d, root, e) == -1 ||
	    read_answer(d, root, e) == -1 ||
	    read_rollout(d, root, e) == -1 || read_life(d, root, e) == -1 ||
	    check_golden(root, e) == -1 || read_gate(d, root, e) == -1 ||
	    json_get_object(root, "index_params", false, &params, e) == -1)
		return -1;
	if (params == NULL && (params = none = json_object_new_object()) == NULL)
		return err_set(e, ERR_NOMEM, "no memory for a document");
	if ((rc = read_params(d, params, e)) == -1)
		err_prefix(e, "index_params");
	json_object_put(none);
	if (rc == 0)
		note_unknown(&d->notes, "", root, known, sizeof known / sizeof known[0]);
	return rc;
}

int
tenant_doc_parse(struct tenant_doc *d, const char *bytes, size_t n, struct err *e)
{
	struct json_object *root = NULL;
	int rc = -1;

	*d = (struct tenant_doc){0};
	buf_init(&d->notes, NOTES_MAX);
	if (n > TENANT_CONFIG_MAX)
		return err_set(e, ERR_LIMIT, "the document is larger than %d KiB",
		    TENANT_CONFIG_MAX / 1024);
	if (n == 0)
		return err_set(e, ERR_JSON, "the document is empty");
	if (json_parse_object(&root, bytes, n, e) == -1)
		return -1;
	if (refuse_secrets(root, e) == -1 || read_root(d, root, e) == -1 ||
	    hash_canonical(root, d->hash, e) == -1)
		goto out;
	/* Makes ->data a string; notes past their room were dropped, whole lines each. */
	buf_add(&d->notes, "", 0);
	rc = 0;
out:
	json_object_put(root);
	if (rc == -1)
		tenant_doc_fini(d);
	return rc;
}

int
tenant_doc_check_source(const struct tenant_doc *d, struct err *e)
{
	return source_options_check_type(d->source, e);
}

void
tenant_doc_fini(struct tenant_doc *d)
{
	if (d == NULL)
		return;
	buf_fini(&d->notes);
	free(d->source);
	d->source = NULL;
}
