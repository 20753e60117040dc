/* unit_zip.h - archives as the tests want them, in memory. */
#ifndef RAGPOOL_UNIT_ZIP_H
#define RAGPOOL_UNIT_ZIP_H

#include "unit.h"

#include <zip.h>

struct unit_part {
	const char *name, *bytes;
	size_t n;		/* 0: a string */
};

/* Owned bytes. */
static inline char *
unit_zip(const struct unit_part *parts, size_t count, size_t *n)
{
	zip_source_t *to = zip_source_buffer_create(NULL, 0, 0, NULL);
	zip_t *zip;
	zip_stat_t st;
	char *out;

	zip_source_keep(to);
	zip = zip_open_from_source(to, ZIP_TRUNCATE, NULL);
	assert_non_null(zip);
	for (size_t i = 0; i < count; i++) {
		size_t len = parts[i].n != 0 ? parts[i].n : strlen(parts[i].bytes);
		zip_source_t *from = zip_source_buffer(zip, parts[i].bytes, len, 0);

		assert_true(zip_file_add(zip, parts[i].name, from, ZIP_FL_ENC_UTF_8) >= 0);
	}
	assert_int_equal(zip_close(zip), 0);
	assert_int_equal(zip_source_stat(to, &st), 0);
	*n = (size_t)st.size;
	out = malloc(*n);
	assert_int_equal(zip_source_open(to), 0);
	assert_int_equal(zip_source_read(to, out, *n), (zip_int64_t)*n);
	zip_source_close(to);
	zip_source_free(to);
	return out;
}

#define UNIT_TYPES(part, type) \
	"<Types xmlns='http://schemas.openxmlformats.org/package/2006/content-types'>" \
	"<Override PartName='" part "' ContentType='application/vnd.openxmlformats-officedocument." \
	type ".main+xml'/></Types>"
#define UNIT_RELATION(id, type, target) \
	"<Relationship Id='" id "' Type='http://x/relationships/" type "' Target='" target "'/>"
#define UNIT_RELATIONS(list) "<Relationships>" list "</Relationships>"
#define UNIT_R "xmlns:r='http://schemas.openxmlformats.org/officeDocument/2006/relationships'"

static const struct unit_part unit_docx[] = {
    {"[Content_Types].xml", UNIT_TYPES("/word/document.xml", "wordprocessingml.document"), 0},
    {"word/_rels/document.xml.rels",
	UNIT_RELATIONS(UNIT_RELATION("a", "styles", "styles.xml")
		UNIT_RELATION("b", "footnotes", "footnotes.xml")), 0},
    {"word/styles.xml",
	"<w:styles xmlns:w='w'><w:style w:styleId='H1'><w:name w:val='heading 1'/></w:style>"
	"<w:style w:styleId='My'><w:basedOn w:val='H2'/></w:style>"
	"<w:style w:styleId='H2'><w:name w:val='heading 2'/></w:style></w:styles>", 0},
    {"docProps/core.xml",
	"<p xmlns:dc='d'><dc:title>A &amp; B</dc:title><dc:creator>Ann</dc:creator></p>", 0},
    {"word/footnotes.xml", "<w:f xmlns:w='w'><w:p><w:r><w:t>A note.</w:t></w:r></w:p></w:f>", 0},
    {"word/document.xml",
	"<w:document xmlns:w='w' xmlns:mc='m'><w:body>"
	"<w:p><w:pPr><w:pStyle w:val='H1'/></w:pPr><w:r><w:t>Setup</w:t></w:r></w:p>"
	"<w:p><w:r><w:t>First </w:t></w:r><w:r><w:t>words.</w:t></w:r>"
	"<w:del><w:r><w:delText>gone</w:delText><w:t>gone</w:t></w:r></w:del></w:p>"
	"<w:p><w:pPr><w:pStyle w:val='My'/></w:pPr><w:r><w:t>Part</w:t></w:r></w:p>"
	"<w:p><w:pPr><w:numPr><w:ilvl w:val='0'/><w:numId w:val='1'/></w:numPr></w:pPr>"
	"<w:r><w:t>one</w:t></w:r></w:p>"
	"<w:p><w:pPr><w:numPr><w:ilvl w:val='1'/><w:numId w:val='1'/></w:numPr></w:pPr>"
	"<w:r><w:t>two</w:t></w:r></w:p>"
	"<w:p><w:r><w:lastRenderedPageBreak/><w:t>Before the break.</w:t></w:r></w:p>"
	"<w:tbl><w:tr><w:tc><w:p><w:r><w:t>Name</w:t></w:r></w:p></w:tc>"
	"<w:tc><w:p><w:r><w:t>Port</w:t></w:r></w:p></w:tc></w:tr>"
	"<w:tr><w:tc><w:p><w:r><w:t>web</w:t></w:r></w:p></w:tc>"
	"<w:tc><w:p><w:r><w:t>80</w:t></w:r></w:p></w:tc></w:tr></w:tbl>"
	"<mc:AlternateContent><mc:Choice><w:p><w:r><w:t>chosen</w:t></w:r></w:p></mc:Choice>"
	"<mc:Fallback><w:p><w:r><w:t>twice</w:t></w:r></w:p></mc:Fallback></mc:AlternateContent>"
	"</w:body></w:document>", 0},
};

static const struct unit_part unit_pptx[] = {
    {"[Content_Types].xml", UNIT_TYPES("/ppt/presentation.xml", "presentationml.presentation"), 0},
    {"ppt/_rels/presentation.xml.rels",
	UNIT_RELATIONS(UNIT_RELATION("r2", "slide", "slides/slide2.xml")
		UNIT_RELATION("r1", "slide", "slides/slide1.xml")), 0},
    {"ppt/presentation.xml",
	"<p:p xmlns:p='p' " UNIT_R "><p:sldIdLst><p:sldId id='256' r:id='r1'/>"
	"<p:sldId id='257' r:id='r2'/></p:sldIdLst></p:p>", 0},
    {"ppt/slides/slide1.xml",
	"<p:sld xmlns:p='p' xmlns:a='a'><p:sp><p:nvPr><p:ph type='title'/></p:nvPr><p:txBody><a:p>"
	"<a:r><a:t>Opening</a:t></a:r></a:p></p:txBody></p:sp><p:sp><p:txBody><a:p><a:r><a:t>Hello."
	"</a:t></a:r></a:p><a:p><a:r><a:t>Again.</a:t></a:r></a:p></p:txBody></p:sp></p:sld>", 0},
    {"ppt/slides/_rels/slide1.xml.rels",
	UNIT_RELATIONS(UNIT_RELATION("n", "notesSlide", "../notesSlides/n1.xml")), 0},
    {"ppt/notesSlides/n1.xml",
	"<p:n xmlns:p='p' xmlns:a='a'><p:sp><p:txBody><a:p><a:r><a:t>Say hello slowly.</a:t></a:r>"
	"</a:p></p:txBody></p:sp></p:n>", 0},
    {"ppt/slides/slide2.xml",
	"<p:sld xmlns:p='p' xmlns:a='a'><p:sp><p:nvPr><p:ph type='sldNum'/></p:nvPr><p:txBody><a:p>"
	"<a:r><a:t>2</a:t></a:r></a:p></p:txBody></p:sp><p:graphicFrame><a:tbl><a:tr><a:tc><a:p><a:r>"
	"<a:t>Key</a:t></a:r></a:p></a:tc><a:tc><a:p><a:r><a:t>Value</a:t></a:r></a:p></a:tc></a:tr>"
	"</a:tbl></p:graphicFrame></p:sld>", 0},
};

static const struct unit_part unit_xlsx[] = {
    {"[Content_Types].xml", UNIT_TYPES("/xl/workbook.xml", "spreadsheetml.sheet"), 0},
    {"xl/_rels/workbook.xml.rels",
	UNIT_RELATIONS(UNIT_RELATION("r1", "worksheet", "worksheets/sheet1.xml")
		UNIT_RELATION("r2", "sharedStrings", "sharedStrings.xml")
		    UNIT_RELATION("r3", "styles", "styles.xml")), 0},
    {"xl/workbook.xml",
	"<workbook " UNIT_R "><sheets><sheet name='Prices &amp; more' r:id='r1'/></sheets></workbook>", 0},
    {"xl/sharedStrings.xml",
	"<sst><si><t>Item</t></si><si><r><t>Un</t></r><r><t>it</t></r><rPh><t>x</t></rPh></si></sst>", 0},
    {"xl/styles.xml",
	"<s><numFmts><numFmt numFmtId='164' formatCode='yyyy\"m\"-mm'/></numFmts><cellXfs>"
	"<xf numFmtId='0'/><xf numFmtId='14'/><xf numFmtId='164'/></cellXfs></s>", 0},
    {"xl/worksheets/sheet1.xml",
	"<worksheet><sheetData><row r='1'><c r='A1' t='s'><v>0</v></c><c r='C1' t='s'><v>1</v></c></row>"
	"<row r='2'><c r='A2' t='inlineStr'><is><t>tea</t></is></c>"
	"<c r='B2'><v>0.10000000000000001</v></c><c r='C2' s='1'><v>44927</v></c>"
	"<c r='D2' s='2'><v>44927.5</v></c><c r='E2' t='b'><v>1</v></c></row></sheetData></worksheet>", 0},
};

static const struct unit_part unit_odt[] = {
    {"mimetype", "application/vnd.oasis.opendocument.text", 0},
    {"meta.xml", "<m xmlns:dc='d' xmlns:meta='m'><dc:title>Memo</dc:title></m>", 0},
    {"content.xml",
	"<o xmlns:text='t' xmlns:table='b' xmlns:office='o'><office:body><office:text>"
	"<text:h text:outline-level='2'>Aims</text:h>"
	"<text:p>Some<text:s text:c='2'/>words<text:tab/>here.</text:p>"
	"<text:list><text:list-item><text:p>item</text:p></text:list-item></text:list>"
	"<table:table table:name='T1'><table:table-row>"
	"<table:table-cell><text:p>a</text:p></table:table-cell>"
	"<table:table-cell table:number-columns-repeated='3'><text:p>b</text:p></table:table-cell>"
	"<table:table-cell table:number-columns-repeated='1048576'/>"
	"</table:table-row></table:table></office:text></office:body></o>", 0},
};

static const struct unit_part unit_epub[] = {
    {"mimetype", "application/epub+zip", 0},
    {"META-INF/container.xml", "<c><rootfiles><rootfile full-path='OPS/book.opf'/></rootfiles></c>", 0},
    {"OPS/book.opf",
	"<package xmlns:dc='d'><metadata><dc:title>Voyages</dc:title><dc:creator>Li</dc:creator></metadata>"
	"<manifest><item id='c2' href='two.xhtml' media-type='application/xhtml+xml'/>"
	"<item id='c1' href='chapter%201.xhtml' media-type='application/xhtml+xml'/></manifest>"
	"<spine><itemref idref='c1'/><itemref idref='c2'/></spine></package>", 0},
    {"OPS/chapter 1.xhtml",
	"<?xml version='1.0'?><!DOCTYPE html><html><body><h1>The sea</h1><p>It was calm.</p></body></html>", 0},
    {"OPS/two.xhtml", "<html><body><h1>The land</h1><p>It was far.</p></body></html>", 0},
};

static const struct {
	const char *name;
	const struct unit_part *parts;
	size_t count;
} unit_archives[] = {
    {"a.docx", unit_docx, sizeof unit_docx / sizeof unit_docx[0]},
    {"a.pptx", unit_pptx, sizeof unit_pptx / sizeof unit_pptx[0]},
    {"a.xlsx", unit_xlsx, sizeof unit_xlsx / sizeof unit_xlsx[0]},
    {"a.odt", unit_odt, sizeof unit_odt / sizeof unit_odt[0]},
    {"a.epub", unit_epub, sizeof unit_epub / sizeof unit_epub[0]},
};
enum { UNIT_ARCHIVES = 5 };

#endif
