/* conf_print.c - the option table in words. */
#include "conf.h"

#include <string.h>

#include "conf_table.h"

static const char *const headers[CONF_SECTION_MAX] = {"[global]", "[consul]", "[pool NAME]",
    "[model NAME]", "[object_store NAME]"};

/* "1 ... 16", "error, warn, info or debug", or nothing for text. */
static void
write_rule(const struct conf_row *row, char *out, size_t size)
{
	char low[32], high[32];

	if (row->type == CONF_CHOICE) {
		snprintf(out, size, "one of: %s", row->words);
	} else if (conf_type_is_text(row->type) || row->type == CONF_BOOL) {
		snprintf(out, size, "%s", conf_type_words(row->type));
	} else {
		conf_value_write(row, row->min, low, sizeof low);
		conf_value_write(row, row->max, high, sizeof high);
		snprintf(out, size, "%s; %s ... %s", conf_type_words(row->type), low, high);
	}
}

void
conf_print_options(FILE *out)
{
	char rule[200];

	for (int s = 0; s < CONF_SECTION_MAX; s++) {
		fprintf(out, "%s%s\n", s > 0 ? "\n" : "", headers[s]);
		for (size_t i = 0; i < conf_row_count; i++) {
			if ((int)conf_rows[i].section != s)
				continue;
			write_rule(&conf_rows[i], rule, sizeof rule);
			fprintf(out, "  %s = %s\n      %s\n      (%s%s)\n", conf_rows[i].key,
			    conf_rows[i].preset, conf_rows[i].help, rule,
			    conf_rows[i].reload ? "" : "; needs a restart");
		}
	}
}

static const char markdown_head[] =
    "# Configuration\n"
    "\n"
    "<!-- Made from fcgi/conf.def by `make docs`; edit that file. -->\n"
    "\n"
    "`ragpool.conf` is an INI file: one `[global]` section, at most one `[consul]`, and one\n"
    "`[pool NAME]` for each pool of workers (at least one), and one `[model NAME]` for each model\n"
    "that is reached by an endpoint. A line is `option = value`; a value may stand in double\n"
    "quotes (`\\\"` and `\\\\` inside). `;` and `#` begin a comment, at the start of a line or\n"
    "after a space.\n"
    "\n"
    "Numbers that mean a time need a unit: `ms`, `s`, `m` or `h`. Sizes are bytes, or have `k`,\n"
    "`m` or `g` behind them. `ragpoold -t` checks the file and everything it names; all errors\n"
    "are reported at once, as `file:line:column: what is wrong`. An option that is unknown,\n"
    "written twice, or outside its range is an error.\n"
    "\n"
    "In the defaults below `{run_dir}` and `{data_dir}` stand for the values of those options,\n"
    "`{pool}` and `{model}` for the name of the section, `{libexecdir}`, `{bindir}` and\n"
    "`{sysconfdir}` for the folders chosen when ragpool was built.\n";

static const char markdown_tail[] =
    "\n"
    "## Environment\n"
    "\n"
    "These variables override the file. An empty one counts as absent.\n"
    "\n"
    "| variable | overrides |\n"
    "|---|---|\n"
    "| `CONSUL_HTTP_ADDR` | `address` of `[consul]`; without a scheme, https when "
    "`CONSUL_HTTP_SSL` is `true` or `1`, else http |\n"
    "| `CONSUL_HOST`, `CONSUL_PORT` | the same, when `CONSUL_HTTP_ADDR` is absent; by default "
    "127.0.0.1 and 8500 |\n"
    "| `CONSUL_HTTP_TOKEN_FILE` | `token_file` |\n"
    "| `CONSUL_HTTP_TOKEN` | the token itself, when there is no such file variable |\n"
    "| `CONSUL_CACERT` | `ca_file` |\n"
    "| `CONSUL_CLIENT_CERT`, `CONSUL_CLIENT_KEY` | `cert_file`, `key_file` |\n"
    "| `CONSUL_TLS_SERVER_NAME` | `tls_server_name` |\n"
    "| `CONSUL_HTTP_SSL_VERIFY` | `tls_verify` |\n"
    "| `CONFIG_KV_PREFIX` | `prefix` |\n";

void
conf_print_markdown(FILE *out)
{
	char rule[200];

	fputs(markdown_head, out);
	for (int s = 0; s < CONF_SECTION_MAX; s++) {
		fprintf(out, "\n## %s\n\n", headers[s]);
		fputs("| option | default | value | SIGHUP | meaning |\n|---|---|---|---|---|\n", out);
		for (size_t i = 0; i < conf_row_count; i++) {
			const struct conf_row *row = &conf_rows[i];
			if ((int)row->section != s)
				continue;
			write_rule(row, rule, sizeof rule);
			fprintf(out, "| `%s` | %s%s%s | %s | %s | %s |\n", row->key,
			    row->preset[0] != '\0' ? "`" : "", row->preset,
			    row->preset[0] != '\0' ? "`" : "", rule, row->reload ? "yes" : "no",
			    row->help);
		}
	}
	fputs(markdown_tail, out);
}

/* The default as it stands in a file: what {...} stands for is put in; the folders that
 * configure chooses get their names there. */
static void
put_preset(FILE *out, const char *preset)
{
	static const struct {
		const char *name, *text;
	} t[] = {{"{run_dir}", "/run/ragpool"}, {"{data_dir}", "/var/lib/ragpool"},
	    {"{pool}", "query"}, {"{libexecdir}", "@pkglibexecdir@"}, {"{bindir}", "@bindir@"},
	    {"{sysconfdir}", "@sysconfdir@"}};

	while (*preset != '\0') {
		size_t i = 0;
		while (i < sizeof t / sizeof t[0] &&
		    strncmp(preset, t[i].name, strlen(t[i].name)) != 0)
			i++;
		if (i == sizeof t / sizeof t[0]) {
			fputc(*preset++, out);
			continue;
		}
		fputs(t[i].text, out);
		preset += strlen(t[i].name);
	}
}

/* Comments are wrapped at this column. */
enum { SAMPLE_COLUMNS = 90 };

static void
put_comment(FILE *out, const char *text)
{
	size_t column = 0, n;

	for (; *text != '\0'; text += n + (text[n] == ' ')) {
		n = strcspn(text, " ");
		if (column == 0 || column + 1 + n > SAMPLE_COLUMNS) {
			fprintf(out, "%s; ", column > 0 ? "\n" : "");
			column = 2;
		} else {
			fputc(' ', out);
			column++;
		}
		fwrite(text, 1, n, out);
		column += n;
	}
	fputc('\n', out);
}

void
conf_print_sample(FILE *out)
{
	char rule[200];

	fputs("; ragpool.conf - every option there is, each at its default.  ragpoold -t checks this "
	      "file.\n; Take the semicolon away from what you want to change.  ragpool.conf(5) says "
	      "more.\n", out);
	for (int s = 0; s < CONF_SECTION_MAX; s++) {
		/* Sections that need not be there would need a name, and what has no default. */
		fprintf(out, "\n%s%s\n", s > IN_POOL ? "; " : "",
		    s == IN_POOL ? "[pool query]" : headers[s]);
		for (size_t i = 0; i < conf_row_count; i++) {
			const struct conf_row *row = &conf_rows[i];
			if ((int)row->section != s)
				continue;
			fputc('\n', out);
			put_comment(out, row->help);
			write_rule(row, rule, sizeof rule);
			fprintf(out, "; (%s%s)\n;%s =%s", rule, row->reload ? "" : "; needs a restart",
			    row->key, row->preset[0] != '\0' ? " " : "");
			put_preset(out, row->preset);
			fputc('\n', out);
		}
	}
}

/* mdoc wants each sentence on a line of its own. */
static void
put_sentences(FILE *out, const char *text)
{
	const char *stop;

	while ((stop = strstr(text, ". ")) != NULL) {
		fprintf(out, "%.*s\n", (int)(stop + 1 - text), text);
		text = stop + 2;
	}
	fprintf(out, "%s\n", text);
}

void
conf_print_mdoc(FILE *out)
{
	char rule[200];

	for (int s = 0; s < CONF_SECTION_MAX; s++) {
		fprintf(out, ".Ss %s\n.Bl -tag -width Ds\n", headers[s]);
		for (size_t i = 0; i < conf_row_count; i++) {
			const struct conf_row *row = &conf_rows[i];
			if ((int)row->section != s)
				continue;
			write_rule(row, rule, sizeof rule);
			fprintf(out, ".It Cm %s No = Ar %s\n", row->key,
			    row->preset[0] != '\0' ? row->preset : "\\&\"\"");
			put_sentences(out, row->help);
			fprintf(out, ".Pq %s%s\n", rule,
			    row->reload ? "" : "; a change needs a restart");
		}
		fputs(".El\n", out);
	}
}
