/* conf_doc.c - prints the reference of the options; `make docs` runs it.
 *
 *   conf-doc markdown      the whole of doc/CONFIG.md
 *   conf-doc mdoc          the options in doc/man/ragpool.conf.5, between its two marks
 *   conf-doc sample        the whole of etc/ragpool.conf.sample.in
 *   conf-doc options       what ragpoold --print-options says
 */
#include <stdio.h>
#include <string.h>

#include "conf.h"

int
main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*print)(FILE *);
	} forms[] = {{"markdown", conf_print_markdown}, {"mdoc", conf_print_mdoc},
	    {"sample", conf_print_sample}, {"options", conf_print_options}};

	for (size_t i = 0; argc == 2 && i < sizeof forms / sizeof forms[0]; i++)
		if (strcmp(argv[1], forms[i].name) == 0) {
			forms[i].print(stdout);
			return fflush(stdout) == 0 ? 0 : 74;
		}
	fputs("usage: conf-doc markdown | mdoc | sample | options\n", stderr);
	return 64;
}
