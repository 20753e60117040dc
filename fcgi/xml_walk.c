/* xml_walk.c - the elements of an XML answer, by libxml2's SAX interface. */
#include "xml_walk.h"

#include <libxml/parser.h>
#include <stdbool.h>
#include <string.h>

#include "buf.h"

struct level {
	size_t path_len;		/* of the path without this element */
	size_t text_at;			/* in ->text: where that of this element begins */
};

struct walk {
	xml_element_fn *each;
	void *context;
	xmlParserCtxtPtr parser;
	char path[XML_PATH_BYTES];
	size_t path_len, depth;
	struct level level[XML_DEPTH_MAX];
	struct buf text;		/* of all open elements, the inner behind the outer */
	int rc;
	struct err why;
};

static void
give_up(struct walk *w, const char *why)
{
	if (w->rc == 0) {
		w->rc = -1;
		err_set(&w->why, ERR_PEER, "the XML %s", why);
	}
	xmlStopParser(w->parser);
}

static void
begin_element(void *context, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri,
    int namespaces, const xmlChar **namespace_list, int attributes, int defaulted,
    const xmlChar **attribute_list)
{
	struct walk *w = context;
	size_t n = strlen((const char *)name);

	(void)prefix, (void)uri, (void)namespaces, (void)namespace_list;
	(void)attributes, (void)defaulted, (void)attribute_list;
	if (w->rc == -1)
		return;
	if (w->depth == XML_DEPTH_MAX || w->path_len + n + 2 > sizeof w->path) {
		give_up(w, "nests too deeply");
		return;
	}
	w->level[w->depth++] = (struct level){w->path_len, w->text.len};
	w->path[w->path_len++] = '/';
	memcpy(w->path + w->path_len, name, n + 1);
	w->path_len += n;
}

static void
end_element(void *context, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri)
{
	struct walk *w = context;
	struct level *l;

	(void)name, (void)prefix, (void)uri;
	if (w->rc == -1 || w->depth == 0)
		return;
	l = &w->level[--w->depth];
	if (w->each(w->context, w->path, w->text.data + l->text_at, &w->why) == -1) {
		w->rc = -1;
		xmlStopParser(w->parser);
		return;
	}
	w->text.len = l->text_at;
	w->text.data[w->text.len] = '\0';
	w->path_len = l->path_len;
	w->path[w->path_len] = '\0';
}

static void
take_text(void *context, const xmlChar *text, int n)
{
	struct walk *w = context;

	if (w->rc == -1 || w->depth == 0)
		return;
	buf_add(&w->text, text, (size_t)n);
	if (w->text.failed)
		give_up(w, "has too much text in one place");
}

static void
refuse_dtd(void *context, const xmlChar *name, const xmlChar *id, const xmlChar *system)
{
	(void)name, (void)id, (void)system;
	give_up(context, "has a document type declaration");
}

static void __attribute__((format(printf, 2, 3)))
be_silent(void *context, const char *fmt, ...)
{
	(void)context, (void)fmt;
}

int
xml_walk(const char *bytes, size_t n, xml_element_fn *each, void *context, struct err *e)
{
	static const xmlSAXHandler handlers = {.initialized = XML_SAX2_MAGIC,
	    .startElementNs = begin_element, .endElementNs = end_element,
	    .characters = take_text, .cdataBlock = take_text, .internalSubset = refuse_dtd,
	    .error = be_silent, .fatalError = be_silent, .warning = be_silent};
	xmlSAXHandler copy = handlers;
	struct walk w = {.each = each, .context = context};

	if (n > INT32_MAX)
		return err_set(e, ERR_LIMIT, "the XML is larger than 2 GiB");
	buf_init(&w.text, XML_TEXT_MAX);
	buf_adds(&w.text, "");
	w.parser = xmlCreatePushParserCtxt(&copy, &w, NULL, 0, NULL);
	if (w.parser == NULL || w.text.failed) {
		err_set(e, ERR_NOMEM, "no memory for XML");
		w.rc = -1;
		goto out;
	}
	xmlCtxtUseOptions(w.parser, XML_PARSE_NONET);
	if ((xmlParseChunk(w.parser, bytes, (int)n, 1) != 0 || !w.parser->wellFormed) && w.rc == 0)
		give_up(&w, "is not well-formed");
	if (w.rc == -1 && e != NULL)
		*e = w.why;
out:
	if (w.parser != NULL) {
		if (w.parser->myDoc != NULL)
			xmlFreeDoc(w.parser->myDoc);
		xmlFreeParserCtxt(w.parser);
	}
	buf_fini(&w.text);
	return w.rc;
}
