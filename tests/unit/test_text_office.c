/* test_text_office.c - packed formats: what comes out of them, and out of those that lie. */
#include "unit_text.h"
#include "unit_zip.h"

#include "bounds.h"
#include "clk.h"
#include "text_office.h"

static void
extract_archive(struct text_document *d, size_t which)
{
	struct err e;
	size_t n;
	char *bytes = unit_zip(unit_archives[which].parts, unit_archives[which].count, &n);

	/* The name does not matter: an archive says itself what it is. */
	assert_ok(text_extract("document.bin", bytes, n, d, &e), &e);
	free(bytes);
	check_document(d);
}

static void
word_gives_headings_lists_tables_notes_and_pages(void **state)
{
	struct text_document d;

	(void)state;
	extract_archive(&d, 0);
	assert_int_equal(d.kind, TEXT_DOCX);
	assert_string_equal(d.title, "A & B");
	assert_string_equal(d.fields, ", \"author\": \"Ann\"");
	assert_block(&d, 0, TEXT_HEADING, "Setup", "Setup");
	assert_block(&d, 1, TEXT_PARAGRAPH, "Setup", "First words.");
	assert_block(&d, 2, TEXT_HEADING, "Setup > Part", "Part");
	assert_block(&d, 3, TEXT_LIST, "Setup > Part", "- one\n  - two");
	assert_block(&d, 4, TEXT_PARAGRAPH, "Setup > Part", "Before the break.");
	assert_block(&d, 5, TEXT_TABLE, "Setup > Part", "Name | Port\nweb | 80");
	assert_block(&d, 6, TEXT_PARAGRAPH, "Setup > Part", "chosen");
	assert_block(&d, 7, TEXT_PARAGRAPH, "Setup > Part", "A note.");
	assert_int_equal(d.block_count, 8);
	assert_int_equal(text_page_at(&d, d.blocks[4].start), 1);
	assert_int_equal(text_page_at(&d, d.blocks[5].start), 2);
	text_document_fini(&d);
}

static void
slides_come_in_order_as_pages_with_their_notes(void **state)
{
	struct text_document d;

	(void)state;
	extract_archive(&d, 1);
	assert_block(&d, 0, TEXT_HEADING, "Opening", "Opening");
	assert_block(&d, 1, TEXT_PARAGRAPH, "Opening", "Hello.\nAgain.");
	assert_block(&d, 2, TEXT_PARAGRAPH, "Opening", "Say hello slowly.");
	assert_block(&d, 3, TEXT_TABLE, "Opening", "Key | Value");
	assert_int_equal(d.block_count, 4);
	assert_int_equal(text_page_at(&d, d.blocks[2].start), 1);
	assert_int_equal(text_page_at(&d, d.blocks[3].start), 2);
	text_document_fini(&d);
}

static void
sheets_give_rows_with_numbers_and_dates_as_they_are_meant(void **state)
{
	struct text_document d;

	(void)state;
	extract_archive(&d, 2);
	assert_block(&d, 0, TEXT_HEADING, "Prices & more", "Prices & more");
	assert_block(&d, 1, TEXT_TABLE, "Prices & more",
	    "Item |  | Unit\ntea | 0.1 | 2023-01-01 | 2023-01-01 12:00:00 | TRUE");
	text_document_fini(&d);
}

static void
opendocument_gives_the_same(void **state)
{
	struct text_document d;

	(void)state;
	extract_archive(&d, 3);
	assert_string_equal(d.title, "Memo");
	assert_block(&d, 0, TEXT_HEADING, "Aims", "Aims");
	assert_block(&d, 1, TEXT_PARAGRAPH, "Aims", "Some  words\there.");
	assert_block(&d, 2, TEXT_LIST, "Aims", "- item");
	assert_block(&d, 3, TEXT_HEADING, "Aims > T1", "T1");
	assert_block(&d, 4, TEXT_TABLE, "Aims > T1", "a | b | b | b");
	text_document_fini(&d);
}

static void
books_are_read_in_the_order_of_their_spine(void **state)
{
	struct text_document d;

	(void)state;
	extract_archive(&d, 4);
	assert_string_equal(d.title, "Voyages");
	assert_non_null(strstr(d.fields, "\"author\": \"Li\""));
	assert_block(&d, 0, TEXT_HEADING, "The sea", "The sea");
	assert_block(&d, 1, TEXT_PARAGRAPH, "The sea", "It was calm.");
	assert_block(&d, 3, TEXT_PARAGRAPH, "The land", "It was far.");
	text_document_fini(&d);
}

/* ---- archives that lie ---- */

static void
assert_archive_refused(
    const struct unit_part *parts, size_t count, enum err_code code, const char *says)
{
	struct text_document d;
	struct err e;
	size_t n;
	char *bytes = unit_zip(parts, count, &n);

	assert_refused(text_extract("a.docx", bytes, n, &d, &e), &e, code);
	if (strstr(e.text, says) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", e.text, says);
	free(bytes);
}

static struct unit_part
document_of(const char *xml)
{
	return (struct unit_part){"word/document.xml", xml, 0};
}

static void
entities_are_hostile_and_fetch_nothing(void **state)
{
	struct unit_part parts[2] = {unit_docx[0]};

	(void)state;
	parts[1] = document_of("<!DOCTYPE d [<!ENTITY a 'ha'><!ENTITY b '&a;&a;&a;&a;&a;&a;&a;&a;'>"
			       "<!ENTITY c '&b;&b;&b;&b;&b;&b;&b;&b;'>]><d><p><t>&c;</t></p></d>");
	assert_archive_refused(parts, 2, ERR_HOSTILE, "DTD");
	parts[1] = document_of("<!DOCTYPE d [<!ENTITY a SYSTEM 'file:///etc/passwd'>]><d><p><t>&a;"
			       "</t></p></d>");
	assert_archive_refused(parts, 2, ERR_HOSTILE, "DTD");
	parts[1] = document_of("<d><p><t>&nosuch;</t></p></d>");
	assert_archive_refused(parts, 2, ERR_DAMAGED, "well-formed");
}

static void
a_part_that_unpacks_without_end_is_a_bomb(void **state)
{
	struct unit_part parts[2] = {unit_docx[0]};
	size_t n = 8 << 20;
	char *bomb = malloc(n + 1);

	(void)state;
	memset(bomb, ' ', n);
	memcpy(bomb, "<d>", 3);
	memcpy(bomb + n - 4, "</d>", 4);
	bomb[n] = '\0';
	parts[1] = document_of(bomb);
	assert_archive_refused(parts, 2, ERR_HOSTILE, "bomb");
	free(bomb);
}

static void
elements_nest_so_deep_and_no_deeper(void **state)
{
	struct unit_part parts[2] = {unit_docx[0]};
	char *deep = malloc(8 * 10000 + 1), *at = deep;

	(void)state;
	for (int i = 0; i < 10000; i++)
		at = stpcpy(at, "<p>");
	for (int i = 0; i < 10000; i++)
		at = stpcpy(at, "</p>");
	parts[1] = document_of(deep);
	assert_archive_refused(parts, 2, ERR_HOSTILE, "deep");
	free(deep);
}

static void
too_many_parts_are_refused(void **state)
{
	size_t count = ARCHIVE_ENTRIES_MAX + 1;
	struct unit_part *parts = calloc(count, sizeof *parts);
	char *names = malloc(count * 16);

	(void)state;
	for (size_t i = 0; i < count; i++) {
		snprintf(names + 16 * i, 16, "p%zu", i);
		parts[i] = (struct unit_part){names + 16 * i, "x", 0};
	}
	assert_archive_refused(parts, count, ERR_HOSTILE, "parts");
	free(names);
	free(parts);
}

static void
what_is_missing_or_encrypted_is_said(void **state)
{
	static const struct unit_part bare[] = {{"hello.txt", "hello", 0}};
	static const struct unit_part other[] = {{"mimetype", "application/x-other", 0}};
	static const struct unit_part locked[] = {
	    {"mimetype", "application/vnd.oasis.opendocument.text", 0},
	    {"META-INF/manifest.xml", "<m><file-entry><encryption-data/></file-entry></m>", 0},
	    {"content.xml", "<o/>", 0}};
	static const struct unit_part drm[] = {unit_epub[0], unit_epub[1],
	    {"META-INF/encryption.xml",
		"<e><EncryptionMethod Algorithm='http://www.w3.org/2001/04/xmlenc#aes128-cbc'/></e>", 0}};
	static const struct unit_part empty[] = {
	    unit_docx[0], {"word/document.xml", "<d><p/></d>", 0}};

	(void)state;
	assert_archive_refused(unit_docx, 1, ERR_DAMAGED, "word/document.xml");
	assert_archive_refused(bare, 1, ERR_UNSUPPORTED, "unpack it");
	assert_archive_refused(other, 1, ERR_UNSUPPORTED, "kind");
	assert_archive_refused(locked, 3, ERR_ENCRYPTED, "password");
	assert_archive_refused(drm, 3, ERR_ENCRYPTED, "protected");
	assert_archive_refused(empty, 2, ERR_NOT_TEXT, "no text");
}

static void
an_archive_that_is_cut_off_is_damaged(void **state)
{
	struct text_document d;
	struct err e;
	size_t n;
	char *bytes = unit_zip(unit_docx, unit_archives[0].count, &n);

	(void)state;
	assert_refused(text_extract("a.docx", bytes, n / 2, &d, &e), &e, ERR_DAMAGED);
	free(bytes);
}

/* ---- damage, without the child, so that sanitizers see it ---- */

static uint32_t random_state = 3;

static uint32_t
rnd(uint32_t below)
{
	random_state = random_state * 1664525 + 1013904223;
	return (random_state >> 8) % below;
}

static void
read_back(const struct buf *records)
{
	struct text_document d = {.text = ""};
	struct text_builder b;
	struct err e;
	int rc;

	text_builder_init(&b, &d);
	rc = text_walk_outline(&b, records->data, records->len, &e);
	assert_int_equal(text_builder_finish(&b, NULL), 0);
	if (rc == 0 && d.block_count > 0)
		check_document(&d);
	text_document_fini(&d);
}

static void
damaged_archives_do_no_harm(void **state)
{
	int64_t stop = clk_cpu_ns() + 1500 * INT64_C(1000000);
	struct buf out;
	struct err e;

	(void)state;
	for (unsigned round = 0; clk_cpu_ns() < stop; round++) {
		size_t n, which = round % UNIT_ARCHIVES;
		char *bytes = unit_zip(unit_archives[which].parts, unit_archives[which].count, &n);

		if (rnd(4) == 0)
			n = 1 + rnd((uint32_t)n);
		for (uint32_t k = rnd(8); k > 0; k--)
			bytes[rnd((uint32_t)n)] ^= (char)(1 << rnd(8));
		buf_init(&out, 1 << 24);
		if (text_read_archive(bytes, n, &out, &e) == 0)
			read_back(&out);
		buf_fini(&out);
		free(bytes);
	}
}

/* Checksums stop most damage to the packed bytes: here the XML itself is damaged. */
static void
damaged_parts_do_no_harm(void **state)
{
	int64_t stop = clk_cpu_ns() + 1500 * INT64_C(1000000);
	struct unit_part parts[16];
	struct buf out;
	struct err e;

	(void)state;
	for (unsigned round = 0; clk_cpu_ns() < stop; round++) {
		size_t n, which = round % UNIT_ARCHIVES, count = unit_archives[which].count;
		size_t victim = rnd((uint32_t)count);
		char *part, *bytes;

		memcpy(parts, unit_archives[which].parts, count * sizeof *parts);
		part = strdup(parts[victim].bytes);
		n = strlen(part);
		for (uint32_t k = 1 + rnd(3); k > 0; k--) {
			size_t at = rnd((uint32_t)n), to = rnd((uint32_t)n);

			if (rnd(3) == 0)
				part[at] = part[to];
			else if (rnd(2))
				memmove(part + to, part + at, n - (at > to ? at : to));
			else
				part[at] = "<>&'/= x09"[rnd(10)];
		}
		parts[victim].bytes = part;
		bytes = unit_zip(parts, count, &n);
		buf_init(&out, 1 << 24);
		if (text_read_archive(bytes, n, &out, &e) == 0)
			read_back(&out);
		buf_fini(&out);
		free(bytes);
		free(part);
	}
}

static void
records_from_a_child_are_believed_in_nothing(void **state)
{
	int64_t stop = clk_cpu_ns() + 500 * INT64_C(1000000);
	size_t n;
	char *bytes = unit_zip(unit_docx, unit_archives[0].count, &n);
	struct buf good, bad;
	struct err e;

	(void)state;
	buf_init(&good, 1 << 24);
	assert_ok(text_read_archive(bytes, n, &good, &e), &e);
	while (clk_cpu_ns() < stop) {
		buf_init(&bad, 1 << 24);
		buf_add(&bad, good.data, rnd(3) == 0 ? rnd((uint32_t)good.len) : good.len);
		for (uint32_t k = rnd(6); k > 0 && bad.len > 0; k--)
			bad.data[rnd((uint32_t)bad.len)] = (char)rnd(256);
		read_back(&bad);
		buf_fini(&bad);
	}
	buf_fini(&good);
	free(bytes);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(word_gives_headings_lists_tables_notes_and_pages),
	    cmocka_unit_test(slides_come_in_order_as_pages_with_their_notes),
	    cmocka_unit_test(sheets_give_rows_with_numbers_and_dates_as_they_are_meant),
	    cmocka_unit_test(opendocument_gives_the_same),
	    cmocka_unit_test(books_are_read_in_the_order_of_their_spine),
	    cmocka_unit_test(entities_are_hostile_and_fetch_nothing),
	    cmocka_unit_test(a_part_that_unpacks_without_end_is_a_bomb),
	    cmocka_unit_test(elements_nest_so_deep_and_no_deeper),
	    cmocka_unit_test(too_many_parts_are_refused),
	    cmocka_unit_test(what_is_missing_or_encrypted_is_said),
	    cmocka_unit_test(an_archive_that_is_cut_off_is_damaged),
	    cmocka_unit_test(damaged_archives_do_no_harm),
	    cmocka_unit_test(damaged_parts_do_no_harm),
	    cmocka_unit_test(records_from_a_child_are_believed_in_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
