/* pack_xml.c - the XML parts of an archive, by libxml2's SAX interface.
 *
 * Entities are where XML is made to grow without end or to fetch files; OOXML and
 * OpenDocument need none.  A document type in a part ends its reading.
 */
#include "pack_parts.h"

#include <errno.h>
#include <libxml/parser.h>
#include <libxml/xmlerror.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "utf8.h"

enum { XML_DEPTH_MAX = 256 };

struct xml_attributes {
	int count;
	const xmlChar **at;	/* name, prefix, URI, value, its end: five for each */
};

struct reading {
	const char *part;
	const struct xml_handler *handler;
	void *context;
	xmlParserCtxtPtr parser;
	unsigned depth;
	bool has_dtd;
};

static void
open_element(void *context, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri,
    int namespaces, const xmlChar **namespace, int attributes, int defaulted,
    const xmlChar **attribute)
{
	struct reading *r = context;
	struct xml_attributes a = {.count = attributes, .at = attribute};

	(void)prefix, (void)uri, (void)namespaces, (void)namespace, (void)defaulted;
	/* libxml2 bounds the depth of its trees, not of its callbacks. */
	if (++r->depth > XML_DEPTH_MAX)
		xmlStopParser(r->parser);
	else
		r->handler->open(r->context, (const char *)name, &a);
}

static void
close_element(void *context, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri)
{
	struct reading *r = context;

	(void)prefix, (void)uri;
	r->depth--;
	if (r->handler->close != NULL)
		r->handler->close(r->context, (const char *)name);
}

static void
take_text(void *context, const xmlChar *s, int n)
{
	struct reading *r = context;

	if (r->handler->text != NULL)
		r->handler->text(r->context, (const char *)s, (size_t)n);
}

static void
stop_at_dtd(void *context, const xmlChar *name, const xmlChar *public_id,
    const xmlChar *system_id)
{
	struct reading *r = context;

	(void)name, (void)public_id, (void)system_id;
	r->has_dtd = true;
	xmlStopParser(r->parser);
}

static void
stop_at_entity(void *context, const xmlChar *name, int type, const xmlChar *public_id,
    const xmlChar *system_id, xmlChar *content)
{
	(void)type, (void)content;
	stop_at_dtd(context, name, public_id, system_id);
}

/* libxml2 prints what it does not like, unless it is told this. */
static void
say_nothing(void *context, const char *format, ...)
{
	(void)context, (void)format;
}

static int
feed(void *context, const char *bytes, size_t n, struct err *e)
{
	struct reading *r = context;
	int rc = xmlParseChunk(r->parser, bytes, (int)n, 0);

	if (r->has_dtd)
		return err_set(e, ERR_HOSTILE, "%.80s has a document type (DTD)", r->part);
	if (r->depth > XML_DEPTH_MAX)
		return err_set(e, ERR_HOSTILE, "%.80s nests elements more than %d deep", r->part,
		    XML_DEPTH_MAX);
	if (rc == XML_ERR_NO_MEMORY)
		return err_set(e, ERR_NOMEM, "no memory for %.80s", r->part);
	return rc == 0 ? 0 : err_set(e, ERR_DAMAGED, "%.80s is not well-formed XML", r->part);
}

int
pack_read_xml(struct pack *p, const char *name, const struct xml_handler *h, void *context,
    struct err *e)
{
	struct reading r = {.part = name, .handler = h, .context = context};
	xmlSAXHandler sax = {.initialized = XML_SAX2_MAGIC, .startElementNs = open_element,
	    .endElementNs = close_element, .characters = take_text, .cdataBlock = take_text,
	    .internalSubset = stop_at_dtd, .entityDecl = stop_at_entity, .error = say_nothing,
	    .warning = say_nothing};
	int rc;

	if ((r.parser = xmlCreatePushParserCtxt(&sax, &r, NULL, 0, NULL)) == NULL)
		return err_set(e, ERR_NOMEM, "no memory for a parser");
	xmlCtxtUseOptions(r.parser, XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
	rc = pack_each(p, name, feed, &r, e);
	if (rc == 0 && xmlParseChunk(r.parser, "", 0, 1) != 0 && !r.has_dtd)
		rc = err_set(e, ERR_DAMAGED, "%.80s is not well-formed XML", name);
	if (r.parser->myDoc != NULL)
		xmlFreeDoc(r.parser->myDoc);
	xmlFreeParserCtxt(r.parser);
	return rc;
}

int
pack_read_xml_if(struct pack *p, const char *name, const struct xml_handler *h, void *context,
    struct err *e)
{
	return pack_has(p, name) ? pack_read_xml(p, name, h, context, e) : 0;
}

/* ---- attributes ---- */

/* As entities are not replaced, libxml2 leaves "&amp;" in a value as "&#38;". */
static bool
copy_value(const xmlChar **at, char *out, size_t size)
{
	const char *s = (const char *)at[3], *end = (const char *)at[4];
	size_t n = 0;

	while (s < end && n < size - 1) {
		out[n] = *s;
		s += *s == '&' && end - s >= 5 && memcmp(s, "&#38;", 5) == 0 ? 5 : 1;
		n++;
	}
	n = s < end ? utf8_floor(out, n) : n;
	out[n] = '\0';
	return true;
}

bool
xml_attribute(const struct xml_attributes *a, const char *name, char *out, size_t size)
{
	for (int i = 0; i < a->count; i++)
		if (strcmp((const char *)a->at[5 * i], name) == 0)
			return copy_value(a->at + 5 * i, out, size);
	return false;
}

bool
xml_relation(const struct xml_attributes *a, const char *name, char *out, size_t size)
{
	for (int i = 0; i < a->count; i++) {
		const char *uri = (const char *)a->at[5 * i + 2];

		if (strcmp((const char *)a->at[5 * i], name) == 0 && uri != NULL &&
		    strstr(uri, "/relationships") != NULL)
			return copy_value(a->at + 5 * i, out, size);
	}
	return false;
}

long
xml_number(const struct xml_attributes *a, const char *name, long otherwise)
{
	char text[24], *end;
	long value;

	if (!xml_attribute(a, name, text, sizeof text))
		return otherwise;
	errno = 0;
	value = strtol(text, &end, 10);
	return end != text && *end == '\0' && errno == 0 ? value : otherwise;
}
