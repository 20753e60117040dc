/* text_xlsx.c - Excel: each sheet under its name, a row a line, values as they are meant.
 *
 * Numbers in a date's format become dates (ISO 8601); the other formats of numbers are not
 * applied.  Formulas count with the value that was last computed.
 */
#include "text_office.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bounds.h"

enum { SHEETS_MAX = 1024, STRINGS_MAX = 8 << 20, FORMATS_MAX = 65536, ID_BYTES = 64 };

struct sheet {
	char name[128], id[ID_BYTES];
};

struct book {
	struct outline *o;
	struct sheet *sheets;		/* owned */
	size_t sheet_count;
	bool counts_from_1904;
	struct buf strings;		/* the shared ones, each behind the other */
	size_t *string_end;		/* owned */
	size_t string_count, string_cap;
	unsigned char *is_date;		/* owned; by cell format */
	size_t format_count;
	unsigned char date_code[512];	/* number formats 0..511 that are dates */
	bool in_formats;
	bool failed;
	/* the reading of one sheet or of the strings */
	bool in_text, in_phonetic;
	char type[16];
	long format;
	long column;			/* of the next cell, from 0 */
	struct buf value;
};

static bool
is(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

/* ---- the book ---- */

static void
open_book(void *context, const char *name, const struct xml_attributes *a)
{
	struct book *b = context;
	struct sheet *s;
	char text[8] = "";

	if (is(name, "workbookPr") && xml_attribute(a, "date1904", text, sizeof text))
		b->counts_from_1904 = is(text, "1") || is(text, "true");
	if (!is(name, "sheet") || b->sheet_count == SHEETS_MAX)
		return;
	if ((s = reallocarray(b->sheets, b->sheet_count + 1, sizeof *s)) == NULL) {
		b->failed = true;
		return;
	}
	b->sheets = s;
	s += b->sheet_count;
	*s = (struct sheet){.name = ""};
	xml_attribute(a, "name", s->name, sizeof s->name);
	if (xml_relation(a, "id", s->id, sizeof s->id))
		b->sheet_count++;
}

/* ---- formats: which numbers are dates ---- */

/* A format code is a date's when it has a day, month or year outside quotes. */
static bool
is_date_code(const char *code)
{
	for (; *code != '\0'; code++) {
		if (*code == '"') {
			if ((code = strchr(code + 1, '"')) == NULL)
				return false;
		} else if (*code == '[') {
			if ((code = strchr(code, ']')) == NULL)
				return false;
		} else if (*code == '\\' && code[1] != '\0') {
			code++;
		} else if (strchr("ymdYMD", *code) != NULL) {
			return true;
		}
	}
	return false;
}

static void
open_format(void *context, const char *name, const struct xml_attributes *a)
{
	struct book *b = context;
	unsigned char *more;
	char code[256] = "";
	long id;

	if (is(name, "numFmt")) {
		id = xml_number(a, "numFmtId", -1);
		if (id >= 0 && id < (long)sizeof b->date_code &&
		    xml_attribute(a, "formatCode", code, sizeof code))
			b->date_code[id] = is_date_code(code);
	} else if (is(name, "cellXfs")) {
		b->in_formats = true;
	} else if (is(name, "xf") && b->in_formats && b->format_count < FORMATS_MAX) {
		if ((more = realloc(b->is_date, b->format_count + 1)) == NULL) {
			b->failed = true;
			return;
		}
		b->is_date = more;
		id = xml_number(a, "numFmtId", 0);
		b->is_date[b->format_count++] = (unsigned char)((id >= 14 && id <= 17) || id == 22 ||
		    (id >= 0 && id < (long)sizeof b->date_code && b->date_code[id]));
	}
}

static void
close_format(void *context, const char *name)
{
	struct book *b = context;

	if (is(name, "cellXfs"))
		b->in_formats = false;
}

/* ---- shared strings ---- */

static void
open_string(void *context, const char *name, const struct xml_attributes *a)
{
	struct book *b = context;

	(void)a;
	if (is(name, "t"))
		b->in_text = true;
	else if (is(name, "rPh"))
		b->in_phonetic = true;
}

static void
add_string_text(void *context, const char *s, size_t n)
{
	struct book *b = context;

	if (b->in_text && !b->in_phonetic)
		buf_add(&b->strings, s, n);
}

static void
close_string(void *context, const char *name)
{
	struct book *b = context;
	size_t *more;

	if (is(name, "t")) {
		b->in_text = false;
	} else if (is(name, "rPh")) {
		b->in_phonetic = false;
	} else if (is(name, "si") && b->string_count < STRINGS_MAX) {
		if (b->string_count == b->string_cap) {
			size_t cap = b->string_cap != 0 ? b->string_cap * 2 : 1024;

			if ((more = reallocarray(b->string_end, cap, sizeof *more)) == NULL) {
				b->failed = true;
				return;
			}
			b->string_end = more;
			b->string_cap = cap;
		}
		b->string_end[b->string_count++] = b->strings.len;
	}
}

/* ---- cells ---- */

static void
put_string(struct book *b, const char *digits)
{
	unsigned long at = strtoul(digits, NULL, 10);
	size_t from;

	if (at >= b->string_count || b->strings.failed) {
		outline_cell(b->o, "", 0);
		return;
	}
	from = at > 0 ? b->string_end[at - 1] : 0;
	outline_cell(b->o, b->strings.data + from, b->string_end[at] - from);
}

/* Days since the end of 1899 (or 1904) as a date.  Excel believes in 29 February 1900. */
static bool
put_date(struct book *b, double days)
{
	time_t seconds;
	struct tm t;
	char text[40];
	size_t n;

	if (b->counts_from_1904)
		days += 1462;
	if (!(days >= 1 && days < 2958466))
		return false;
	seconds = (time_t)llround((days - 25569 + (days < 60)) * 86400);
	if (gmtime_r(&seconds, &t) == NULL)
		return false;
	n = strftime(text, sizeof text, days == floor(days) ? "%Y-%m-%d" : "%Y-%m-%d %H:%M:%S", &t);
	outline_cell(b->o, text, n);
	return true;
}

static void
put_number(struct book *b, const char *digits)
{
	char *end, text[40];
	double value = strtod(digits, &end);
	bool is_date = b->format >= 0 && (size_t)b->format < b->format_count &&
		       b->is_date[b->format];

	if (end == digits || *end != '\0' || !isfinite(value)) {
		outline_cell(b->o, digits, strlen(digits));
		return;
	}
	if (is_date && put_date(b, value))
		return;
	/* 0.1 is often written with the 17 digits that a double needs to come back. */
	outline_cell(b->o, text, (size_t)snprintf(text, sizeof text, "%.15g", value));
}

static void
put_value(struct book *b)
{
	buf_addc(&b->value, '\0');
	if (b->value.failed)
		return;
	if (is(b->type, "s"))
		put_string(b, b->value.data);
	else if (is(b->type, "b"))
		outline_cell(b->o, b->value.data[0] == '1' ? "TRUE" : "FALSE",
		    b->value.data[0] == '1' ? 4 : 5);
	else if ((b->type[0] == '\0' || is(b->type, "n")) && b->value.len > 1)
		put_number(b, b->value.data);
	else
		outline_cell(b->o, b->value.data, b->value.len - 1);
}

/* "BC12" is column 54. */
static long
column_of(const char *reference)
{
	long column = 0;

	for (; *reference >= 'A' && *reference <= 'Z' && column < OUTLINE_CELLS_MAX; reference++)
		column = column * 26 + (*reference - 'A' + 1);
	return column - 1;
}

static void
open_cell(void *context, const char *name, const struct xml_attributes *a)
{
	struct book *b = context;
	char reference[24] = "";
	long column;

	if (is(name, "c")) {
		b->type[0] = '\0';
		xml_attribute(a, "t", b->type, sizeof b->type);
		b->format = xml_number(a, "s", 0);
		buf_reset(&b->value);
		xml_attribute(a, "r", reference, sizeof reference);
		column = column_of(reference);
		for (; b->column < column && b->column < OUTLINE_CELLS_MAX; b->column++)
			outline_cell(b->o, "", 0);
		b->column++;
	} else if (is(name, "v") || is(name, "t")) {
		b->in_text = true;
	} else if (is(name, "rPh")) {
		b->in_phonetic = true;
	}
}

static void
add_cell_text(void *context, const char *s, size_t n)
{
	struct book *b = context;

	if (b->in_text && !b->in_phonetic)
		buf_add(&b->value, s, n);
}

static void
close_cell(void *context, const char *name)
{
	struct book *b = context;

	if (is(name, "v") || is(name, "t")) {
		b->in_text = false;
	} else if (is(name, "rPh")) {
		b->in_phonetic = false;
	} else if (is(name, "c")) {
		put_value(b);
	} else if (is(name, "row")) {
		b->column = 0;
		outline_end_row(b->o);
	}
}

/* ---- all of it ---- */

static int
read_sheets(struct book *b, struct pack *p, const struct relations *r, struct err *e)
{
	static const struct xml_handler cells = {open_cell, add_cell_text, close_cell};

	for (size_t i = 0; i < b->sheet_count; i++) {
		const char *part = relations_find(r, b->sheets[i].id);

		if (part == NULL || strstr(part, "sheet") == NULL)
			continue;	/* a chart on a sheet of its own */
		outline_heading(b->o, 1, b->sheets[i].name, strlen(b->sheets[i].name));
		if (pack_read_xml(p, part, &cells, b, e) == -1)
			return -1;
		outline_end_row(b->o);
		b->column = 0;
	}
	return 0;
}

static int
read_book(struct book *b, struct pack *p, const char *main_part, struct err *e)
{
	static const struct xml_handler book = {.open = open_book};
	static const struct xml_handler formats = {.open = open_format, .close = close_format};
	static const struct xml_handler strings = {open_string, add_string_text, close_string};
	struct relations r;
	const char *part;
	int rc = -1;

	if (relations_read(&r, p, main_part, e) == -1)
		return -1;
	if (pack_read_xml(p, main_part, &book, b, e) == -1)
		goto out;
	if ((part = relations_find_type(&r, "styles")) != NULL &&
	    pack_read_xml_if(p, part, &formats, b, e) == -1)
		goto out;
	if ((part = relations_find_type(&r, "sharedStrings")) != NULL &&
	    pack_read_xml_if(p, part, &strings, b, e) == -1)
		goto out;
	if (b->failed) {
		err_set(e, ERR_NOMEM, "no memory for the workbook");
		goto out;
	}
	rc = read_sheets(b, p, &r, e);
out:
	relations_fini(&r);
	return rc;
}

int
text_read_xlsx(struct pack *p, const char *main_part, struct outline *o, struct err *e)
{
	struct book b = {.o = o};
	int rc;

	buf_init(&b.strings, ARCHIVE_TEXT_MAX);
	buf_init(&b.value, ARCHIVE_TEXT_MAX);
	rc = read_book(&b, p, main_part, e);
	if (rc == 0)
		rc = buf_check(&b.strings, "the workbook's strings", e);
	if (rc == 0)
		rc = buf_check(&b.value, "a cell", e);
	buf_fini(&b.strings);
	buf_fini(&b.value);
	free(b.sheets);
	free(b.string_end);
	free(b.is_date);
	return rc;
}
