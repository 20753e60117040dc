/* test_stop.c - words of questions, English and Chinese. */
#include "unit.h"

#include "stop.h"
#include "utf8.h"

static void
every_word_of_the_list_is_found(void **state)
{
	static const char list[] =
	    "a about above after again against all am an and any are aren as at be because been "
	    "before being below between both but by can cannot could couldn did didn do does "
	    "doesn doing don down during each few for from further had hadn has hasn have haven "
	    "having he her here hers herself him himself his how i if in into is isn it its "
	    "itself me more most mustn my myself no nor not of off on once only or other ought "
	    "our ours ourselves out over own s same shan she should shouldn so some such t than "
	    "that the their theirs them themselves then there these they this those through to "
	    "too under until up us very was wasn we were weren what when where which while who "
	    "whom why will with would wouldn you your yours yourself yourselves";
	int words = 0;

	(void)state;
	for (const char *p = list, *end; *p != '\0'; p = end + (*end == ' '), words++) {
		end = p + strcspn(p, " ");
		if (!stop_is_english(p, (size_t)(end - p)))
			fail_msg("\"%.*s\" is not found", (int)(end - p), p);
	}
	assert_int_equal(words, 144);
}

static void
other_words_are_not(void **state)
{
	static const char *const t[] = {"", "ab", "th", "thea", "won", "need", "zebra", "0", "The",
	    "yourselve", "yourselvess", "themselves\xc3\xa9", "\xe5\x93\xaa"};

	(void)state;
	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++)
		if (stop_is_english(t[i], strlen(t[i])))
			fail_msg("\"%s\" is found", t[i]);
	assert_false(stop_is_english("a\0b", 3));
}

/* Bytes of the text, after its first character, that a phrase takes; -1: none. */
static int
rest_of(const char *text, size_t len)
{
	uint32_t cp;
	size_t n = utf8_next(text, len, &cp);

	return stop_chinese_question(cp, text + n, len - n);
}

static void
every_question_phrase_is_found_whole(void **state)
{
	static const char *const t[] = {"什么", "甚么", "哪个", "哪些", "哪里", "哪儿", "哪位",
	    "哪种", "哪一", "哪年", "哪", "谁", "怎么", "怎样", "怎么样", "如何", "为什么", "为何",
	    "何时", "何地", "何种", "何人", "是什么", "多少", "几个", "几", "多久", "吗", "呢",
	    "请问", "是否", "什麼", "甚麼", "哪個", "哪裡", "哪裏", "哪兒", "哪種", "誰", "怎麼",
	    "怎樣", "怎麼樣", "為什麼", "為何", "何時", "何種", "是什麼", "幾個", "幾", "嗎", "請問"};

	(void)state;
	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		char text[32];
		size_t len = strlen(t[i]);
		int n = snprintf(text, sizeof text, "%s中", t[i]);
		if (rest_of(t[i], len) != (int)len - 3 || rest_of(text, (size_t)n) != (int)len - 3)
			fail_msg("%s: %d", t[i], rest_of(text, (size_t)n));
	}
}

static void
other_characters_begin_none(void **state)
{
	static const char *const t[] = {"中", "么", "个", "什", "什锦", "怎", "如果", "为中", "是",
	    "多", "请", "何", "何必", "甚至", "a", "の", "\xf0\xa0\x80\x80"};

	(void)state;
	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++)
		if (rest_of(t[i], strlen(t[i])) != -1)
			fail_msg("%s is found", t[i]);
}

static void
a_phrase_cut_short_is_none(void **state)
{
	(void)state;
	assert_int_equal(rest_of("什么", 5), -1);
	assert_int_equal(rest_of("怎么样", 8), 3);
	assert_int_equal(rest_of("几个", 5), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_word_of_the_list_is_found),
	    cmocka_unit_test(other_words_are_not),
	    cmocka_unit_test(every_question_phrase_is_found_whole),
	    cmocka_unit_test(other_characters_begin_none),
	    cmocka_unit_test(a_phrase_cut_short_is_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
