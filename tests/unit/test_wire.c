/* test_wire.c - what endpoints are asked, and what of their answers is believed. */
#include "unit.h"

#include <math.h>

#include "../../fcgi/gateway_frame.h"
#include "../../fcgi/wire.h"

static struct conf_model
model(enum conf_model_kind kind, enum conf_model_api api)
{
	static char name[] = "m", empty[] = "";

	return (struct conf_model){.kind = kind, .api = api, .model = name, .url = empty,
	    .query_prefix = empty, .document_prefix = empty, .dimension = 3};
}

/* ---- questions ---- */

static void
each_api_is_asked_in_its_own_words(void **state)
{
	static const struct embed_text texts[] = {{"a", 1}, {"b\"", 2}};
	static const struct {
		enum conf_model_api api;
		int encoding;
		bool sends, is_query;
		const char *path, *body;
	} rows[] = {
	    {API_OPENAI, ENCODING_FLOAT, false, true, "/embeddings",
		"{\"model\": \"m\", \"input\": [\"a\",\"b\\\"\"]}"},
	    {API_OPENAI, ENCODING_BASE64, true, false, "/embeddings",
		"{\"model\": \"m\", \"input\": [\"a\",\"b\\\"\"], \"encoding_format\": \"base64\", "
		"\"dimensions\": 3}"},
	    {API_JINA, ENCODING_FLOAT, false, false, "/embeddings",
		"{\"model\": \"m\", \"input\": [\"a\",\"b\\\"\"]}"},
	    {API_OLLAMA, ENCODING_BASE64, false, false, "/api/embed",
		"{\"model\": \"m\", \"input\": [\"a\",\"b\\\"\"]}"},
	    {API_COHERE, ENCODING_FLOAT, true, true, "/v2/embed",
		"{\"model\": \"m\", \"texts\": [\"a\",\"b\\\"\"], \"input_type\": \"search_query\", "
		"\"embedding_types\": [\"float\"], \"output_dimension\": 3}"},
	};
	struct conf_model m;
	struct buf b;

	(void)state;
	buf_init(&b, 1 << 16);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		m = model(MODEL_EMBEDDING, rows[i].api);
		m.encoding = rows[i].encoding;
		m.send_dimension = rows[i].sends;
		buf_reset(&b);
		wire_embed_question(&b, &m, texts, 2, rows[i].is_query);
		assert_string_equal(b.data, rows[i].body);
		assert_string_equal(wire_path(&m), rows[i].path);
	}
	m = model(MODEL_RERANK, API_COHERE);
	buf_reset(&b);
	wire_rerank_question(&b, &m, "q", texts, 2);
	assert_string_equal(b.data, "{\"model\": \"m\", \"query\": \"q\", \"documents\": "
	    "[\"a\",\"b\\\"\"], \"top_n\": 2}");
	m = model(MODEL_RERANK, API_JINA);
	buf_reset(&b);
	wire_rerank_question(&b, &m, "q", texts, 2);
	assert_string_equal(b.data, "{\"model\": \"m\", \"query\": \"q\", \"documents\": "
	    "[\"a\",\"b\\\"\"], \"top_n\": 2, \"return_documents\": false}");
	buf_fini(&b);
}

static void
a_chat_is_asked_for_as_a_stream(void **state)
{
	struct wire_chat_question q = {.max_tokens = 7, .temperature = 0.5};
	struct conf_model m = model(MODEL_CHAT, API_OPENAI);
	struct buf b;

	(void)state;
	buf_init(&b, 1 << 16);
	q.messages = json_tokener_parse("[{\"role\":\"user\",\"content\":\"hi\"}]");
	wire_chat_question(&b, &m, &q);
	assert_string_equal(b.data, "{\"model\": \"m\", \"stream\": true, \"messages\": "
	    "[{\"role\":\"user\",\"content\":\"hi\"}], \"stream_options\": {\"include_usage\": true}, "
	    "\"max_tokens\": 7, \"temperature\": 0.5}");
	m.api = API_OLLAMA;
	buf_reset(&b);
	wire_chat_question(&b, &m, &q);
	assert_string_equal(b.data, "{\"model\": \"m\", \"stream\": true, \"messages\": "
	    "[{\"role\":\"user\",\"content\":\"hi\"}], \"options\": {\"num_predict\": 7, "
	    "\"temperature\": 0.5}}");
	json_object_put(q.messages);
	buf_fini(&b);
}

/* ---- vectors ---- */

#define BASE64_1_2_3 "AACAPwAAAEAAAEBA"	/* 1, 2, 3 as little-endian floats */

static void
good_answers_give_vectors_in_the_order_of_the_texts(void **state)
{
	static const struct {
		enum conf_model_api api;
		const char *answer;
		unsigned tokens;
	} rows[] = {
	    {API_OPENAI, "{\"data\": [{\"index\": 0, \"embedding\": [1, 2, 3]}, {\"index\": 1, "
		"\"embedding\": [4.0, 5e0, 6]}], \"usage\": {\"prompt_tokens\": 8}}", 8},
	    {API_OPENAI, "{\"data\": [{\"index\": 1, \"embedding\": [4, 5, 6]}, {\"index\": 0, "
		"\"embedding\": [1, 2, 3]}]}", 0},
	    {API_OPENAI, "{\"data\": [{\"embedding\": [1, 2, 3]}, {\"embedding\": [4, 5, 6]}]}", 0},
	    {API_JINA, "{\"data\": [{\"index\": 0, \"embedding\": \"" BASE64_1_2_3 "\"}, "
		"{\"index\": 1, \"embedding\": [4, 5, 6]}], \"usage\": {\"total_tokens\": 5}}", 5},
	    {API_OLLAMA, "{\"model\": \"m\", \"embeddings\": [[1, 2, 3], [4, 5, 6]], "
		"\"prompt_eval_count\": 4}", 4},
	    {API_COHERE, "{\"embeddings\": {\"float\": [[1, 2, 3], [4, 5, 6]]}}", 0},
	};
	struct wire_vectors v;
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		for (uint32_t dim = 0; dim <= 3; dim += 3) {
			struct conf_model m = model(MODEL_EMBEDDING, rows[i].api);
			assert_ok(wire_embed_answer(&v, &m, rows[i].answer, strlen(rows[i].answer), 2,
				      dim, &e), &e);
			assert_int_equal(v.dim, 3);
			assert_int_equal(v.tokens, rows[i].tokens);
			for (int k = 0; k < 6; k++)
				assert_true(v.at[k] == (float)(k + 1));
			free(v.at);
		}
}

static void
answers_that_cannot_be_believed_are_refused(void **state)
{
	static const struct {
		enum conf_model_api api;
		const char *answer;
	} rows[] = {
	    {API_OPENAI, ""},
	    {API_OPENAI, "<html>502 Bad Gateway</html>"},
	    {API_OPENAI, "{\"data\": [{\"index\": 0, \"embedding\": [1, 2, 3"},
	    {API_OPENAI, "[1, 2, 3]"},
	    {API_OPENAI, "{}"},
	    {API_OPENAI, "{\"data\": {}}"},
	    {API_OPENAI, "{\"data\": [1, 2]}"},
	    {API_OPENAI, "{\"data\": [{\"index\": 0}, {\"index\": 1}]}"},
	    /* one short, one too many */
	    {API_OPENAI, "{\"data\": [{\"index\": 0, \"embedding\": [1, 2, 3]}]}"},
	    {API_OLLAMA, "{\"embeddings\": [[1, 2, 3], [1, 2, 3], [1, 2, 3]]}"},
	    /* places */
	    {API_OPENAI, "{\"data\": [{\"index\": 0, \"embedding\": [1, 2, 3]}, "
		"{\"index\": 0, \"embedding\": [1, 2, 3]}]}"},
	    {API_OPENAI, "{\"data\": [{\"index\": 0, \"embedding\": [1, 2, 3]}, "
		"{\"index\": 2, \"embedding\": [1, 2, 3]}]}"},
	    {API_OPENAI, "{\"data\": [{\"index\": -1, \"embedding\": [1, 2, 3]}, "
		"{\"index\": 1, \"embedding\": [1, 2, 3]}]}"},
	    {API_OPENAI, "{\"data\": [{\"index\": 1, \"embedding\": [1, 2, 3]}, "
		"{\"embedding\": [1, 2, 3]}]}"},
	    {API_OPENAI, "{\"data\": [{\"index\": \"0\", \"embedding\": [1, 2, 3]}, "
		"{\"index\": 1, \"embedding\": [1, 2, 3]}]}"},
	    /* dimension */
	    {API_OPENAI, "{\"data\": [{\"index\": 0, \"embedding\": [1, 2]}, "
		"{\"index\": 1, \"embedding\": [1, 2]}]}"},
	    {API_COHERE, "{\"embeddings\": {\"float\": [[1, 2, 3], [1, 2]]}}"},
	    {API_OLLAMA, "{\"embeddings\": [[], []]}"},
	    /* numbers */
	    {API_OLLAMA, "{\"embeddings\": [[1, 2, NaN], [1, 2, 3]]}"},
	    {API_OLLAMA, "{\"embeddings\": [[1, 2, 1e999], [1, 2, 3]]}"},
	    {API_OLLAMA, "{\"embeddings\": [[1, 2, 1e39], [1, 2, 3]]}"},
	    {API_OLLAMA, "{\"embeddings\": [[1, 2, \"3\"], [1, 2, 3]]}"},
	    {API_OLLAMA, "{\"embeddings\": [[1, 2, null], [1, 2, 3]]}"},
	    {API_OLLAMA, "{\"embeddings\": [[0, 0, 0], [1, 2, 3]]}"},
	    {API_OLLAMA, "{\"embeddings\": [[0, 0, 1e-50], [1, 2, 3]]}"},
	    /* base64: not of three floats, not base64, infinite */
	    {API_OPENAI, "{\"data\": [{\"index\": 0, \"embedding\": \"AACAPwAAAEA=\"}, "
		"{\"index\": 1, \"embedding\": \"" BASE64_1_2_3 "\"}]}"},
	    {API_OPENAI, "{\"data\": [{\"index\": 0, \"embedding\": \"AACA?wAAAEAAAEBA\"}, "
		"{\"index\": 1, \"embedding\": \"" BASE64_1_2_3 "\"}]}"},
	    {API_OPENAI, "{\"data\": [{\"index\": 0, \"embedding\": \"=======AAAEAAAEBA\"}, "
		"{\"index\": 1, \"embedding\": \"" BASE64_1_2_3 "\"}]}"},
	    {API_OPENAI, "{\"data\": [{\"index\": 0, \"embedding\": \"AACAfwAAAEAAAEBA\"}, "
		"{\"index\": 1, \"embedding\": \"" BASE64_1_2_3 "\"}]}"},
	    {API_COHERE, "{\"embeddings\": [[1, 2, 3], [1, 2, 3]]}"},
	};
	struct wire_vectors v;
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct conf_model m = model(MODEL_EMBEDDING, rows[i].api);
		if (wire_embed_answer(&v, &m, rows[i].answer, strlen(rows[i].answer), 2, 3, &e) == 0)
			fail_msg("row %zu was believed", i);
		assert_int_equal(e.code, ERR_PEER);
		assert_null(v.at);
	}
}

/* Every prefix of a good answer, and it with each byte changed: never a wild read, and what
 * is believed has the right shape. */
static void
damaged_answers_never_crash(void **state)
{
	static const char good[] = "{\"data\": [{\"index\": 0, \"embedding\": \"" BASE64_1_2_3 "\"}, "
				   "{\"index\": 1, \"embedding\": [4, 5, 6]}]}";
	struct conf_model m = model(MODEL_EMBEDDING, API_OPENAI);
	struct wire_vectors v;
	char *copy;

	(void)state;
	for (size_t i = 0; i < sizeof good; i++) {
		copy = malloc(i + 1);			/* exact, so that ASan sees an overrun */
		memcpy(copy, good, i);
		if (wire_embed_answer(&v, &m, copy, i, 2, 0, NULL) == 0)
			assert_int_equal(v.dim, 3);
		free(v.at);
		free(copy);
	}
	for (size_t i = 0; i + 1 < sizeof good; i++)
		for (int flip = 1; flip < 256; flip *= 2) {
			copy = strdup(good);
			copy[i] = (char)(copy[i] ^ flip);
			if (wire_embed_answer(&v, &m, copy, sizeof good - 1, 2, 0, NULL) == 0)
				assert_true(isfinite(v.at[5]));
			free(v.at);
			free(copy);
		}
}

/* ---- rerank ---- */

static void
scores_stand_in_the_order_of_the_texts(void **state)
{
	static const char answer[] = "{\"results\": [{\"index\": 1, \"relevance_score\": 0.9}, "
				     "{\"index\": 0, \"relevance_score\": -2}]}";
	static const char *const bad[] = {"{}", "{\"results\": []}",
	    "{\"results\": [{\"index\": 1, \"relevance_score\": 1}, {\"index\": 1, "
	    "\"relevance_score\": 1}]}",
	    "{\"results\": [{\"index\": 2, \"relevance_score\": 1}, {\"index\": 0, "
	    "\"relevance_score\": 1}]}",
	    "{\"results\": [{\"index\": 1, \"relevance_score\": 1e99}, {\"index\": 0, "
	    "\"relevance_score\": 1}]}",
	    "{\"results\": [{\"index\": 1}, {\"index\": 0}]}", "{\"results\": [1, 2]}"};
	float scores[2];
	struct err e;

	(void)state;
	assert_ok(wire_rerank_answer(scores, 2, answer, strlen(answer), &e), &e);
	assert_true(scores[0] == -2 && scores[1] == 0.9f);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		if (wire_rerank_answer(scores, 2, bad[i], strlen(bad[i]), &e) == 0)
			fail_msg("%s was believed", bad[i]);
		assert_int_equal(e.code, ERR_PEER);
	}
}

/* ---- chat ---- */

static void
collect(void *context, const char *text, size_t n)
{
	buf_add(context, text, n);
}

static const char openai_stream[] =
    ": a comment\n"
    "data: {\"choices\": [{\"delta\": {\"role\": \"assistant\"}}]}\r\n\r\n"
    "data: {\"choices\": [{\"delta\": {\"content\": \"He\"}}]}\n\n"
    "data:{\"choices\": [{\"delta\": {\"content\": \"llo \\u4f60\"}, \"finish_reason\": null}]}\n\n"
    "data: {\"choices\": [{\"delta\": {}, \"finish_reason\": \"stop\"}]}\n\n"
    "data: {\"choices\": [], \"usage\": {\"prompt_tokens\": 3, \"completion_tokens\": 2}}\n\n"
    "data: [DONE]\n\n";
static const char ollama_stream[] =
    "{\"message\": {\"role\": \"assistant\", \"content\": \"Hello \"}, \"done\": false}\n"
    "{\"message\": {\"content\": \"\\u4f60\"}, \"done\": false}\n"
    "{\"message\": {\"content\": \"\"}, \"done\": true, \"done_reason\": \"stop\", "
    "\"prompt_eval_count\": 3, \"eval_count\": 2}\n";
static const char whole_answer[] =
    "{\"choices\": [{\"message\": {\"content\": \"Hello \\u4f60\"},\n \"finish_reason\": \"stop\"}],\n"
    " \"usage\": {\"prompt_tokens\": 3, \"completion_tokens\": 2}}\n";

static void
a_stream_is_one_text_however_it_is_cut(void **state)
{
	static const struct {
		enum conf_model_api api;
		const char *bytes;
	} rows[] = {{API_OPENAI, openai_stream}, {API_OLLAMA, ollama_stream},
	    {API_OPENAI, whole_answer}};
	struct wire_chat w;
	struct buf text;
	struct err e;

	(void)state;
	buf_init(&text, 1 << 16);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		for (size_t step = 1; step < 40; step++) {
			struct conf_model m = model(MODEL_CHAT, rows[i].api);
			size_t n = strlen(rows[i].bytes);
			buf_reset(&text);
			wire_chat_init(&w, &m, collect, &text);
			for (size_t at = 0; at < n; at += step)
				assert_ok(wire_chat_add(&w, rows[i].bytes + at,
					      at + step < n ? step : n - at, &e), &e);
			assert_ok(wire_chat_end(&w, &e), &e);
			assert_string_equal(text.data, "Hello \xe4\xbd\xa0");
			assert_string_equal(w.finish, "stop");
			assert_int_equal(w.prompt_tokens, 3);
			assert_int_equal(w.answer_tokens, 2);
			wire_chat_fini(&w);
		}
	buf_fini(&text);
}

static void
a_stream_that_is_cut_or_garbled_is_no_answer(void **state)
{
	static const struct {
		enum conf_model_api api;
		const char *bytes, *words;
	} rows[] = {
	    {API_OPENAI, "", "cut off after 0 pieces"},
	    {API_OPENAI, "data: {\"choices\": [{\"delta\": {\"content\": \"a\"}}]}\n\n",
		"cut off after 1 pieces"},
	    {API_OPENAI, "data: {\"choices\": [{\"delta\": {\"con", "line 1"},
	    {API_OPENAI, "data: nothing\n\n", "line 1"},
	    {API_OPENAI, "data: {\"error\": {\"message\": \"too hot\"}}\n\n", "too hot"},
	    {API_OPENAI, "data: {\"choices\": [{\"delta\": {\"content\": 1}}]}\n\n", "no text"},
	    {API_OPENAI, "data: {\"choices\": [7]}\n\n", "no object"},
	    {API_OPENAI, "data: [DONE]\n\n", "without text"},
	    {API_OLLAMA, "{\"message\": {\"content\": \"a\"}, \"done\": false}\n", "cut off"},
	    {API_OLLAMA, "{\"error\": \"no such model\"}\n", "no such model"},
	    {API_OLLAMA, "<html>\n", "line 1"},
	};
	struct wire_chat w;
	struct buf text;
	struct err e;

	(void)state;
	buf_init(&text, 1 << 16);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct conf_model m = model(MODEL_CHAT, rows[i].api);
		wire_chat_init(&w, &m, collect, &text);
		if (wire_chat_add(&w, rows[i].bytes, strlen(rows[i].bytes), &e) == 0 &&
		    wire_chat_end(&w, &e) == 0)
			fail_msg("row %zu was taken for an answer", i);
		assert_int_equal(e.code, ERR_PEER);
		if (strstr(e.text, rows[i].words) == NULL)
			fail_msg("row %zu: %s", i, e.text);
		wire_chat_fini(&w);
	}
	buf_fini(&text);
}

static void
the_words_of_a_refusal_are_found_in_any_of_its_shapes(void **state)
{
	static const struct {
		const char *bytes, *words;
	} rows[] = {{"{\"error\": {\"message\": \"a\\nb\"}}", "ab"}, {"{\"error\": \"x\"}", "x"},
	    {"{\"message\": \"y\"}", "y"}, {"{\"detail\": \"z\"}", "z"}, {"{\"detail\": [1]}", ""},
	    {"{\"message\": \"abcdefghi\\u00e9\"}", "abcdefghi"}, {"<html>", ""}, {"", ""}};
	char words[11];

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		wire_error_words(words, sizeof words, rows[i].bytes, strlen(rows[i].bytes));
		assert_string_equal(words, rows[i].words);
	}
}

/* ---- frames ---- */

static void
a_frame_is_read_as_it_was_written_and_not_before_it_is_whole(void **state)
{
	struct embed_text in[] = {{"ab", 2}, {"", 0}, {"c", 1}}, out[3];
	struct buf body, b;
	struct frame f;
	struct err e;
	size_t used;

	(void)state;
	buf_init(&body, 1 << 10);
	buf_init(&b, 1 << 10);
	frame_put_texts(&body, in, 3);
	frame_put(&b, FRAME_EMBED, 77, "{}", 2, body.data, body.len);
	for (size_t n = 0; n < b.len; n++)
		assert_int_equal(frame_take(&f, b.data, n, &used, &e), 0);
	assert_int_equal(frame_take(&f, b.data, b.len, &used, &e), 1);
	assert_int_equal(used, b.len);
	assert_int_equal(f.type, FRAME_EMBED);
	assert_int_equal(f.id, 77);
	assert_ok(frame_take_texts(out, 3, &f, &e), &e);
	assert_memory_equal(out[0].text, "ab", 2);
	assert_int_equal(out[1].len, 0);
	assert_memory_equal(out[2].text, "c", 1);
	assert_refused(frame_take_texts(out, 2, &f, &e), &e, ERR_PEER);
	buf_fini(&body);
	buf_fini(&b);
}

static void
bytes_that_are_no_frame_are_refused(void **state)
{
	char good[FRAME_HEAD_BYTES];
	struct embed_text text;
	struct frame f;
	struct buf b;
	struct err e;
	size_t used;

	(void)state;
	buf_init(&b, 1 << 10);
	frame_put(&b, FRAME_STATUS, 1, "", 0, "", 0);
	memcpy(good, b.data, sizeof good);
	for (size_t i = 0; i < 8; i++) {	/* magic, version, type, zero */
		b.data[i] ^= 0x20;
		assert_refused(frame_take(&f, b.data, b.len, &used, &e), &e, ERR_PEER);
		memcpy(b.data, good, sizeof good);
	}
	b.data[15] = 0x7f;			/* a gigantic JSON */
	assert_refused(frame_take(&f, b.data, b.len, &used, &e), &e, ERR_PEER);
	memcpy(b.data, good, sizeof good);
	b.data[19] = 0x7f;			/* and a gigantic body */
	assert_refused(frame_take(&f, b.data, b.len, &used, &e), &e, ERR_PEER);

	buf_reset(&b);				/* a text longer than its body; not UTF-8 */
	frame_put(&b, FRAME_EMBED, 1, "", 0, "\x09\0\0\0ab", 6);
	assert_int_equal(frame_take(&f, b.data, b.len, &used, &e), 1);
	assert_refused(frame_take_texts(&text, 1, &f, &e), &e, ERR_PEER);
	buf_reset(&b);
	frame_put(&b, FRAME_EMBED, 1, "", 0, "\x02\0\0\0\xff\xfe", 6);
	assert_int_equal(frame_take(&f, b.data, b.len, &used, &e), 1);
	assert_refused(frame_take_texts(&text, 1, &f, &e), &e, ERR_UTF8);
	buf_fini(&b);
}

static void
an_error_keeps_its_code_and_its_words(void **state)
{
	struct err sent, got;
	int64_t wait;
	struct frame f;
	struct buf b;
	size_t used;

	(void)state;
	buf_init(&b, 1 << 12);
	err_set(&sent, ERR_EMBED_UNAVAILABLE, "\"a\" is down");
	frame_put_error(&b, 5, &sent, 9000);
	assert_int_equal(frame_take(&f, b.data, b.len, &used, &got), 1);
	assert_int_equal(f.type, FRAME_ERROR);
	assert_int_equal(frame_take_error(&f, &wait, &got), -1);
	assert_int_equal(got.code, ERR_EMBED_UNAVAILABLE);
	assert_string_equal(got.text, sent.text);
	assert_int_equal(wait, 9000);
	buf_reset(&b);
	frame_put(&b, FRAME_ERROR, 5, "{\"code\": \"what\", \"message\": \"m\"}", 32, "", 0);
	assert_int_equal(frame_take(&f, b.data, b.len, &used, &got), 1);
	frame_take_error(&f, &wait, &got);
	assert_int_equal(got.code, ERR_PEER);
	buf_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_api_is_asked_in_its_own_words),
	    cmocka_unit_test(a_chat_is_asked_for_as_a_stream),
	    cmocka_unit_test(good_answers_give_vectors_in_the_order_of_the_texts),
	    cmocka_unit_test(answers_that_cannot_be_believed_are_refused),
	    cmocka_unit_test(damaged_answers_never_crash),
	    cmocka_unit_test(scores_stand_in_the_order_of_the_texts),
	    cmocka_unit_test(a_stream_is_one_text_however_it_is_cut),
	    cmocka_unit_test(a_stream_that_is_cut_or_garbled_is_no_answer),
	    cmocka_unit_test(the_words_of_a_refusal_are_found_in_any_of_its_shapes),
	    cmocka_unit_test(a_frame_is_read_as_it_was_written_and_not_before_it_is_whole),
	    cmocka_unit_test(bytes_that_are_no_frame_are_refused),
	    cmocka_unit_test(an_error_keeps_its_code_and_its_words),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
