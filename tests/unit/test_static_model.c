/* test_static_model.c - WordPiece and the matrix of a tiny model that the test writes. */
#include "unit.h"

#include <math.h>
#include <unistd.h>

#include "file.h"
#include "hash.h"
#include "static_model.h"
#include "vec.h"

static char *folder;

static int
make_folder(void **state)
{
	(void)state;
	folder = unit_folder();
	return 0;
}

static int
drop_folder(void **state)
{
	(void)state;
	unit_folder_gone(folder);
	return 0;
}

static void
write_file(const char *name, const void *bytes, size_t n)
{
	char path[600];
	struct err e;

	snprintf(path, sizeof path, "%s/%s", folder, name);
	assert_ok(file_replace(path, bytes, n, 0600, &e), &e);
}

static const char tokenizer[] =
    "{\"normalizer\": {\"type\": \"BertNormalizer\", \"clean_text\": true,"
    " \"handle_chinese_chars\": true, \"strip_accents\": null, \"lowercase\": true},"
    " \"pre_tokenizer\": {\"type\": \"BertPreTokenizer\"},"
    " \"model\": {\"type\": \"WordPiece\", \"unk_token\": \"[UNK]\","
    " \"continuing_subword_prefix\": \"##\", \"max_input_chars_per_word\": 100, \"vocab\": {"
    "\"[UNK]\": 0, \"un\": 1, \"##aff\": 2, \"##able\": 3, \"want\": 4, \"##ed\": 5,"
    " \"cafe\": 6, \".\": 7, \"\\u4e2d\": 8, \"\\u6587\": 9, \"a\": 10, \"##a\": 11,"
    " \"unwanted\": 12, \"$\": 13, \"\\u00df\": 14, \"outside\": 99}}}";

/* 15 rows of 3: row i = (i, -i, 1). */
static size_t
make_model(unsigned char *out, const char *type)
{
	size_t one = strcmp(type, "I8") == 0 ? 1 : strcmp(type, "F16") == 0 ? 2 : 4;
	int n = snprintf((char *)out + 8, 200,
	    "{\"__metadata__\":{\"a\":\"b\"},\"embeddings\":{\"dtype\":\"%s\",\"shape\":[15,3],"
	    "\"data_offsets\":[0,%zu]}}", type, 45 * one);
	unsigned char *p = out + 8 + n;

	memset(out, 0, 8);
	out[0] = (unsigned char)n;
	for (int i = 0; i < 45; i++) {
		float value = (float)(i % 3 == 0 ? i / 3 : i % 3 == 1 ? -(i / 3) : 1);
		int8_t small = (int8_t)value;
		uint16_t half;
		vec_ops()->to_half(&half, &value, 1);
		memcpy(p, one == 1 ? (void *)&small : one == 2 ? (void *)&half : (void *)&value, one);
		p += one;
	}
	return (size_t)(p - out);
}

static struct static_model *
open_model(const char *type)
{
	unsigned char bytes[1024];
	struct static_model *m;
	struct err e;

	write_file("model.safetensors", bytes, make_model(bytes, type));
	write_file("tokenizer.json", tokenizer, sizeof tokenizer - 1);
	assert_ok(static_model_open(&m, folder, &e), &e);
	return m;
}

static void
words_are_cut_into_the_longest_known_pieces(void **state)
{
	static const struct {
		const char *text;
		const char *ids;
	} t[] = {
	    {"", ""},
	    {"unaffable", "1 2 3 "},
	    {"unwanted UNWANTED Unwanted", "12 12 12 "},
	    {"un wanted", "1 4 5 "},
	    {"unaffablex", ""},			/* an unknown piece drops the word */
	    {"want. a$a", "4 7 10 13 10 "},
	    {"wan\xc2\xadted", "4 5 "},		/* a soft hyphen vanishes */
	    {"Caf\xc3\xa9 cafe\xcc\x81", "6 6 "},	/* accents, both spellings */
	    {"a\xe4\xb8\xad\xe6\x96\x87" "a", "10 8 9 10 "},
	    {"a\xff" "a", "10 10 "},			/* not UTF-8: ends the word */
	    {"a\xe2\x80\x80" "a\ta\na", "10 10 10 10 "},
	    {"a\x01" "a", "10 11 "},			/* a control character vanishes */
	    {"[UNK]", ""},
	    {"\xc3\x9f", "14 "},
	};
	struct static_model *m = open_model("I8");

	(void)state;
	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		uint32_t id[32];
		char got[300] = "";
		size_t n = static_model_tokens(m, t[i].text, strlen(t[i].text), id, 32);
		for (size_t k = 0; k < n; k++)
			snprintf(got + strlen(got), sizeof got - strlen(got), "%u ", id[k]);
		if (strcmp(got, t[i].ids) != 0)
			fail_msg("case %zu \"%s\": %s instead of %s", i, t[i].text, got, t[i].ids);
	}
	static_model_close(m);
}

static void
words_past_a_hundred_characters_are_unknown(void **state)
{
	struct static_model *m = open_model("I8");
	char text[202];
	uint32_t id[200];

	(void)state;
	memset(text, 'a', sizeof text);
	assert_int_equal(static_model_tokens(m, text, 100, id, 200), 100);
	assert_int_equal(id[0], 10);
	assert_int_equal(id[99], 11);
	assert_int_equal(static_model_tokens(m, text, 101, id, 200), 0);
	text[101] = ' ';
	assert_int_equal(static_model_tokens(m, text, 202, id, 200), 100);
	assert_int_equal(static_model_tokens(m, text, 100, id, 7), 100);	/* counted */
	static_model_close(m);
}

static void
all_number_types_give_the_normalised_mean(void **state)
{
	static const char *const types[] = {"I8", "F16", "F32"};

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct static_model *m = open_model(types[i]);
		float v[3], length = sqrtf(9 * 9 + 9 * 9 + 2 * 2);
		assert_int_equal(static_model_dim(m), 3);
		assert_true(static_model_embed(m, "want un-known wanted", 11, v) == true);
		/* "want un-know": 4 and 1, and "-", "know" that are not there */
		assert_true(fabsf(v[0] - 5 / sqrtf(54)) < 1e-6f);
		assert_true(static_model_embed(m, "wanted", 6, v));
		assert_true(fabsf(v[0] - 9 / length) < 1e-6f && fabsf(v[1] + 9 / length) < 1e-6f &&
		    fabsf(v[2] - 2 / length) < 1e-6f);
		assert_false(static_model_embed(m, "zzz", 3, v));
		assert_true(fabsf(v[0]) + fabsf(v[1]) + fabsf(v[2]) <= 0);
		/* An id past the matrix is left out. */
		assert_false(static_model_embed(m, "outside", 7, v));
		static_model_close(m);
	}
}

static void
unlike_models_are_refused(void **state)
{
	static const struct {
		const char *from, *to;
		enum err_code code;
	} t[] = {
	    {"I8", "I9", ERR_UNSUPPORTED},
	    {"[15,3]", "[15,4]", ERR_CORRUPT},
	    {"[15,3]", "[0,33]", ERR_UNSUPPORTED},
	    {"[15,3]", "[45]  ", ERR_UNSUPPORTED},
	    {"[0,45]", "[1,46]", ERR_CORRUPT},
	    {"[0,45]", "[9,45]", ERR_CORRUPT},
	    {"[0,45]", "[45,0]", ERR_CORRUPT},
	    {"[0,45]", "[-1,4]", ERR_CORRUPT},
	    {"embeddings", "embeddinga", ERR_MISSING_FIELD},
	    {"__metadata__\":{\"a\":\"b\"}", "mapping\":{\"a\":\"b\"}     ", ERR_UNSUPPORTED},
	};
	unsigned char bytes[1024];
	struct static_model *m;
	struct err e;

	(void)state;
	write_file("tokenizer.json", tokenizer, sizeof tokenizer - 1);
	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		size_t n = make_model(bytes, "I8");
		char *at = memmem(bytes, n, t[i].from, strlen(t[i].from));
		assert_non_null(at);
		assert_int_equal(strlen(t[i].from), strlen(t[i].to));
		memcpy(at, t[i].to, strlen(t[i].to));
		write_file("model.safetensors", bytes, n);
		if (static_model_open(&m, folder, &e) == 0)
			fail_msg("case %zu was opened", i);
		assert_string_equal(err_row(e.code)->slug, err_row(t[i].code)->slug);
	}
}

static void
unlike_tokenizers_are_refused(void **state)
{
	static const struct {
		const char *from, *to;
		enum err_code code;
	} t[] = {
	    {"WordPiece", "Unigrams!", ERR_UNSUPPORTED},
	    {"BertNormalizer", "NmtNormalizers", ERR_UNSUPPORTED},
	    {": 99", ":\"9\"", ERR_CORRUPT},
	    {": 99", ": -9", ERR_CORRUPT},
	    {"vocab\"", "vocap\"", ERR_MISSING_FIELD},
	    {"\"cafe\"", "\"want\"", ERR_DUPLICATE_KEY},
	    {"100", "999", ERR_UNSUPPORTED},
	};
	unsigned char bytes[1024];
	char copy[sizeof tokenizer];
	struct static_model *m;
	struct err e;

	(void)state;
	write_file("model.safetensors", bytes, make_model(bytes, "I8"));
	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		memcpy(copy, tokenizer, sizeof copy);
		char *at = strstr(copy, t[i].from);
		assert_non_null(at);
		memcpy(at, t[i].to, strlen(t[i].to));
		write_file("tokenizer.json", copy, sizeof copy - 1);
		if (static_model_open(&m, folder, &e) == 0)
			fail_msg("case %zu was opened", i);
		assert_string_equal(err_row(e.code)->slug, err_row(t[i].code)->slug);
	}
}

static void
damaged_files_never_crash(void **state)
{
	unsigned char bytes[1024];
	char copy[sizeof tokenizer];
	struct static_model *m;
	struct err e;
	float v[INT16_MAX];
	uint32_t random = 7;
	size_t n = make_model(bytes, "I8");

	(void)state;
	write_file("tokenizer.json", tokenizer, sizeof tokenizer - 1);
	for (size_t len = 0; len < n; len++) {
		write_file("model.safetensors", bytes, len);
		assert_int_equal(static_model_open(&m, folder, &e), -1);
	}
	for (int i = 0; i < 600; i++) {
		random = random * 1664525 + 1013904223;
		size_t at = (random >> 8) % (i < 300 ? n - 45 : sizeof copy - 1);
		n = make_model(bytes, "I8");
		memcpy(copy, tokenizer, sizeof copy);
		if (i < 300)
			bytes[at] = (unsigned char)(random >> 3);
		else
			copy[at] = (char)(random >> 3);
		write_file("model.safetensors", bytes, n);
		write_file("tokenizer.json", copy, sizeof copy - 1);
		if (static_model_open(&m, folder, &e) == -1)
			continue;
		static_model_embed(m, "unaffable want cafe. a", 22, v);
		static_model_close(m);
	}
}

static void
checksums_name_the_files(void **state)
{
	struct static_model *m = open_model("I8");
	unsigned char bytes[1024];
	size_t n = make_model(bytes, "I8");
	uint32_t model, words;

	(void)state;
	static_model_crc(m, &model, &words);
	assert_int_equal(model, hash_crc32c(0, bytes, n));
	assert_int_equal(words, hash_crc32c(0, tokenizer, sizeof tokenizer - 1));
	static_model_close(m);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(words_are_cut_into_the_longest_known_pieces),
	    cmocka_unit_test(words_past_a_hundred_characters_are_unknown),
	    cmocka_unit_test(all_number_types_give_the_normalised_mean),
	    cmocka_unit_test(unlike_models_are_refused),
	    cmocka_unit_test(unlike_tokenizers_are_refused),
	    cmocka_unit_test(damaged_files_never_crash),
	    cmocka_unit_test(checksums_name_the_files),
	};
	return cmocka_run_group_tests(tests, make_folder, drop_folder);
}
