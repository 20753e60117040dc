/* ragpool.c - the command line: a table of commands, and how they are found. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd.h"
#include "config.h"

static const struct command {
	const char *name;
	const char *usage;
	const char *help;
	int (*run)(const struct cmd *, int, char **);
} commands[] = {
    {"status", "[--json] [--watch]",
	"What the supervisor knows: workers, tenants, rolls, builds, Consul.\n"
	"--watch[=SECONDS] shows it again and again, into a pipe as JSON, one object a line.",
	cmd_status},
    {"reload", "[--wait] [--timeout SECONDS]",
	"Reads the configuration and the pointers again and rolls the workers.\n"
	"With --wait, exits with 0 when every worker serves the result, 3 when it was rolled\n"
	"back, 4 when the roll is paused, 5 when not every worker came, or not in time.",
	cmd_reload},
    {"respawn", "[--wait]",
	"New worker processes, one after another: after a new ragpool-worker was installed.\n"
	"With --wait: until all are replaced; 0 only then, else 5.",
	cmd_respawn},
    {"rollback", "TENANT [--to GENERATION] [--reason TEXT]",
	"Back to an earlier generation, at once and without a build.\n"
	"The one it came from does not serve again until the tenant's version changes, or\n"
	"\"ragpool retry\".  Waits, and exits as reload --wait does.",
	cmd_rollback},
    {"pin", "TENANT [GENERATION]",
	"Holds a tenant on a generation, the live one when none is named, whatever is built.\n"
	"Waits, and exits as reload --wait does.",
	cmd_pin},
    {"unpin", "TENANT", "The tenant follows its pointer again.  Waits likewise.", cmd_unpin},
    {"retry", "TENANT",
	"Tries again what failed: the tenant's build, or the probe of a pointer that was moved.\n"
	"Lifts the quarantine of its generations.",
	cmd_retry},
    {"build", "TENANT",
	"Builds the tenant now, and waits until every worker serves the result.\n"
	"A bar on a terminal, lines of JSON else; 0 when it is live, 3 when it was refused.",
	cmd_build},
    {"cancel", "TENANT", "Ends the tenant's build, or takes it from the queue.", cmd_cancel},
    {"ingest", "TENANT PATH...",
	"Sends files, and all files below folders, to the tenant's inbox; a line of JSON with the\n"
	"job for each request.  A file of a folder is named by its path below it.",
	cmd_ingest},
    {"accept", "TENANT",
	"Lets through what was refused because it differs: far fewer documents, other rankings.\n"
	"A damaged generation is refused all the same.",
	cmd_accept},
    {"pause", "[--at PHASE]",
	"Holds the roll where it is; more is not begun either.\n"
	"With --at: as soon as a roll comes to hold, lock, surge, canary, bake, roll, verify,\n"
	"back or back-verify.",
	cmd_pause},
    {"resume", "", "Goes on with a roll that was paused.", cmd_resume},
    {"abort", "[--timeout SECONDS]",
	"Takes the workers back to where the roll found them, and quarantines what it brought.",
	cmd_abort},
    {"accept-deletions", "",
	"Lets go of tenants that vanished in numbers and were kept for that reason.",
	cmd_accept_deletions},
    {"generations", "[--json] TENANT",
	"The generations on disk, newest first, with their verdicts; * is current.",
	cmd_generations},
    {"diff", "[--json] TENANT GENERATION GENERATION",
	"The documents that the second added (+), removed (-) or changed (~), and how much of the\n"
	"rankings stays: the queries of golden.jsonl, filled up by samples, asked of both.",
	cmd_diff},
    {"verify", "[TENANT [GENERATION]]",
	"Reads every byte of a generation against its checksums, and all that it says against\n"
	"itself.  Without a generation the current one, without a tenant that of each.",
	cmd_verify},
    {"backup", "[--all] [--keys] [--copy] [--keep N] DIR [TENANT...]",
	"Saves tenants into a new folder below DIR, while they serve: the live and the pinned\n"
	"generations (--all: all that are kept), sources, documents that were sent, pins.  What did\n"
	"not change since the backup before is shared with it; with what serves too, but for\n"
	"--copy.  --keys: API keys as well.  --keep N removes older ones.\n"
	"backup --verify [--at NAME] DIR reads every byte of one, the newest if none is named.",
	cmd_backup},
    {"restore", "[--at NAME] [--force] DIR [TENANT...]",
	"Tenants of a backup, the newest in DIR if none is named, back into the data folder.  All\n"
	"is verified before anything is changed; what is newer stays, but for --force.\n"
	"--documents DIR writes documents of tenants there, where there are none; --keys: API keys\n"
	"as well; --copy shares nothing with the backup.",
	cmd_restore},
    {"export", "[--generation GEN] [--vectors base64|json|none] TENANT",
	"Documents, chunks and vectors as JSON lines on standard output, from what is kept between\n"
	"builds, or out of a generation; while the tenant serves and builds.",
	cmd_export},
    {"import", "TENANT FILE|-",
	"What export wrote into a tenant whose source is \"push\": its next build makes the same\n"
	"passages without cutting or embedding them again.  Lines that are wrong are left out.",
	cmd_import},
    {"key", "create|list|revoke ...",
	"API keys: create --role reader|editor|admin --tenant NAME|'team-*'|'*' [--tenant ...]\n"
	"[--name TEXT] [--expires 30d] [--rate N] [--filter JSON], which prints the key this once;\n"
	"list [--json]; revoke ID.  Both count from the next request on.",
	cmd_key},
    {"eval", "[--mode MODE] [--json] DIR",
	"How well judged questions are answered: corpus.jsonl(.gz), queries.jsonl, qrels.tsv in DIR.\n"
	"--mode hybrid|minmax|rrf|lexical|dense, --embedder builtin:lsa|static:DIR|model:NAME (a [model]\n"
	"of the running pool; --vectors FILE keeps what it embedded), --language NAME, --run FILE\n"
	"writes the ranking, --top-k N hits are asked for (100), --json ends with one line of JSON.\n"
	"With docs/ and questions.jsonl in DIR: how much of the marked answers the first passages\n"
	"hold.  --chunk-size N, --chunk-overlap N, --parent-size N, --top-k N (5), --chunks FILE.",
	cmd_eval},
    {"load", "[--rate N] [--seconds N] [--json] [URL] TENANT",
	"Asks questions at a constant rate, and judges what came back.\n"
	"URL: http://127.0.0.1:8080 by default; a path in it is used as it is, else /query/TENANT.\n"
	"--rate N a second (100), --seconds N (10), --connections N (64), --timeout SECONDS (10),\n"
	"--top-k N (5), --topics FILE with a question a line, or {\"query\", \"relevant\": [PATH]};\n"
	"--key-file FILE.  Latency counts from when a question was due.  Exits with 0 when no\n"
	"question failed, the mean is at most --mean-ms (500) and of the judged documents at least\n"
	"--recall (0.9) were found, else 1.",
	cmd_load},
    {"tenant", "check FILE", "Judges a tenant's document before anyone sees it.", cmd_tenant},
};
enum { COMMANDS = sizeof commands / sizeof commands[0] };

static void
print_usage(FILE *out)
{
	fputs("usage: ragpool [-c FILE] [-s SOCKET] [-d DIR] COMMAND [...]\n"
	      "       ragpool help COMMAND\n\n",
	    out);
	for (int i = 0; i < COMMANDS; i++)
		fprintf(out, "  %-17s %-20s %.*s\n", commands[i].name, commands[i].usage,
		    (int)strcspn(commands[i].help, "\n"), commands[i].help);
	fprintf(out,
	    "\n  -c, --config FILE     the supervisor's configuration (%s)\n"
	    "  -s, --socket SOCKET   its control socket, instead of the one named there\n"
	    "  -d, --data DIR        its data folder, instead of the one named there\n"
	    "  -h, --help            this text\n"
	    "  -V, --version         the version\n",
	    conf_default_path());
}

/* How many edits lead from a to b: insert, drop, replace one character. */
static unsigned
distance(const char *a, const char *b)
{
	enum { LONGEST = 32 };
	unsigned row[LONGEST + 1], above, corner;
	size_t n = strlen(a), m = strlen(b);

	if (n > LONGEST || m > LONGEST)
		return LONGEST;
	for (unsigned j = 0; j <= m; j++)
		row[j] = j;
	for (size_t i = 1; i <= n; i++) {
		corner = row[0]++;
		for (size_t j = 1; j <= m; j++) {
			above = row[j];
			row[j] = a[i - 1] == b[j - 1] ? corner : corner + 1;
			if (above + 1 < row[j])
				row[j] = above + 1;
			if (row[j - 1] + 1 < row[j])
				row[j] = row[j - 1] + 1;
			corner = above;
		}
	}
	return row[m];
}

static const struct command *
find_command(const char *name)
{
	const struct command *nearest = NULL;
	unsigned best = 3;

	for (int i = 0; i < COMMANDS; i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	for (int i = 0; i < COMMANDS; i++)
		if (distance(commands[i].name, name) < best) {
			nearest = &commands[i];
			best = distance(commands[i].name, name);
		}
	fprintf(stderr, "ragpool: there is no command \"%s\"", name);
	if (nearest != NULL)
		fprintf(stderr, "; did you mean \"%s\"?", nearest->name);
	fputs("\ntry: ragpool --help\n", stderr);
	return NULL;
}

static int
help(const char *name)
{
	const struct command *c;

	if (name == NULL) {
		print_usage(stdout);
		return 0;
	}
	if ((c = find_command(name)) == NULL)
		return CMD_USAGE;
	printf("usage: ragpool %s %s\n\n%s\n", c->name, c->usage, c->help);
	return 0;
}

/* Every command answers --help and --version itself, wherever they stand. */
static int
run(const struct command *c, struct cmd *cmd, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
			return help(c->name);
		if (strcmp(argv[i], "--version") == 0) {
			puts("ragpool " PACKAGE_VERSION);
			return 0;
		}
	}
	cmd->name = c->name;
	optind = 0;		/* getopt starts anew */
	opterr = 0;		/* the command says it in its own words */
	return c->run(cmd, argc, argv);
}

int
main(int argc, char **argv)
{
	static const struct option options[] = {
	    {"config", required_argument, NULL, 'c'},
	    {"socket", required_argument, NULL, 's'},
	    {"data", required_argument, NULL, 'd'},
	    {"help", no_argument, NULL, 'h'},
	    {"version", no_argument, NULL, 'V'},
	    {NULL, 0, NULL, 0},
	};
	struct cmd cmd = {.config = conf_default_path()};
	const struct command *command;
	int c;

	while ((c = getopt_long(argc, argv, "+c:s:d:hV", options, NULL)) != -1) {
		switch (c) {
		case 'c':
			cmd.config = optarg;
			break;
		case 's':
			cmd.socket = optarg;
			break;
		case 'd':
			cmd.data_dir = optarg;
			break;
		case 'h':
			return help(NULL);
		case 'V':
			puts("ragpool " PACKAGE_VERSION);
			return 0;
		default:
			fputs("try: ragpool --help\n", stderr);
			return CMD_USAGE;
		}
	}
	if (optind == argc) {
		print_usage(stderr);
		return CMD_USAGE;
	}
	argc -= optind;
	argv += optind;
	if (strcmp(argv[0], "help") == 0)
		return help(argc > 1 ? argv[1] : NULL);
	if ((command = find_command(argv[0])) == NULL)
		return CMD_USAGE;
	return run(command, &cmd, argc, argv);
}
