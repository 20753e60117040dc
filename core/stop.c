/* stop.c - words that questions are made of and documents are not found by. */
#include "stop.h"

#include <string.h>

enum { ENGLISH_BYTES_MAX = 10 };

/* Sorted.  "won" of "won't" is left out, being a word of its own. */
static const char english[][ENGLISH_BYTES_MAX + 1] = {
    "a", "about", "above", "after", "again", "against", "all", "am", "an", "and", "any", "are",
    "aren", "as", "at", "be", "because", "been", "before", "being", "below", "between", "both",
    "but", "by", "can", "cannot", "could", "couldn", "did", "didn", "do", "does", "doesn",
    "doing", "don", "down", "during", "each", "few", "for", "from", "further", "had", "hadn",
    "has", "hasn", "have", "haven", "having", "he", "her", "here", "hers", "herself", "him",
    "himself", "his", "how", "i", "if", "in", "into", "is", "isn", "it", "its", "itself", "me",
    "more", "most", "mustn", "my", "myself", "no", "nor", "not", "of", "off", "on", "once",
    "only", "or", "other", "ought", "our", "ours", "ourselves", "out", "over", "own", "s",
    "same", "shan", "she", "should", "shouldn", "so", "some", "such", "t", "than", "that",
    "the", "their", "theirs", "them", "themselves", "then", "there", "these", "they", "this",
    "those", "through", "to", "too", "under", "until", "up", "us", "very", "was", "wasn", "we",
    "were", "weren", "what", "when", "where", "which", "while", "who", "whom", "why", "will",
    "with", "would", "wouldn", "you", "your", "yours", "yourself", "yourselves"};
enum { ENGLISH_WORDS = sizeof english / sizeof english[0] };

/* Sorted by the first character. */
static const struct {
	uint32_t first;
	bool is_phrase;		/* the first character by itself */
	const char *rests;	/* what may follow it, between spaces */
} chinese[] = {
    {U'为', false, "什么 何"},
    {U'什', false, "么 麼"},
    {U'何', false, "时 時 地 种 種 人"},
    {U'几', true, "个"},
    {U'吗', true, ""},
    {U'呢', true, ""},
    {U'哪', true, "个 個 些 里 裡 裏 儿 兒 位 种 種 一 年"},
    {U'嗎', true, ""},
    {U'多', false, "少 久"},
    {U'如', false, "何"},
    {U'幾', true, "個"},
    {U'怎', false, "么 麼 样 樣 么样 麼樣"},
    {U'是', false, "什么 什麼 否"},
    {U'為', false, "什麼 何"},
    {U'甚', false, "么 麼"},
    {U'誰', true, ""},
    {U'請', false, "問"},
    {U'请', false, "问"},
    {U'谁', true, ""},
};
enum { CHINESE_FIRSTS = sizeof chinese / sizeof chinese[0] };

bool
stop_is_english(const char *word, size_t len)
{
	char padded[sizeof english[0]] = {0};
	size_t low = 0, high = ENGLISH_WORDS;

	if (len > ENGLISH_BYTES_MAX)
		return false;
	memcpy(padded, word, len);
	while (low < high) {
		size_t mid = (low + high) / 2;
		int c = memcmp(english[mid], padded, sizeof padded);
		if (c == 0)
			return true;
		if (c < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return false;
}

/* Length of the longest rest the text begins with, 0 for none. */
static size_t
longest_rest(const char *rests, const char *text, size_t len)
{
	size_t best = 0, n;

	for (const char *p = rests; *p != '\0'; p += n + (p[n] == ' ')) {
		n = strcspn(p, " ");
		if (n > best && n <= len && memcmp(p, text, n) == 0)
			best = n;
	}
	return best;
}

int
stop_chinese_question(uint32_t cp, const char *after, size_t len)
{
	size_t low = 0, high = CHINESE_FIRSTS, n;

	while (low < high) {
		size_t mid = (low + high) / 2;
		if (chinese[mid].first < cp)
			low = mid + 1;
		else
			high = mid;
	}
	if (low == CHINESE_FIRSTS || chinese[low].first != cp)
		return -1;
	n = longest_rest(chinese[low].rests, after, len);
	return n > 0 || chinese[low].is_phrase ? (int)n : -1;
}
