/* constant.c - the least a FastCGI program can do with libfcgi: a constant answer.
 *
 *   constant SOCKET PROCESSES [BYTES]
 *
 * With BYTES: a body of that many, with as many headers as an answer of ours has; else 12 bytes and
 * two headers.
 * What ragpool's requests per second are compared with; see bench/e2e/run.sh.
 */
#include <fcgiapp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char least[] = "Status: 200 OK\r\nContent-Type: application/json\r\nContent-Length: 12\r\n\r\n{\"ok\": true}";
static const char head[] =
    "Status: 200 OK\r\nContent-Type: application/json\r\nContent-Length: %zu\r\nCache-Control: no-store\r\n"
    "X-Content-Type-Options: nosniff\r\nX-Ragpool-Worker: 10901\r\n"
    "X-Request-Id: 0123456789abcdef0123456789abcdef\r\nX-Ragpool-Generation: 1-1fd08adc5116\r\n"
    "Server-Timing: read;dur=0.036, embed;dur=0.024, search;dur=0.555, fetch;dur=0.091, other;dur=0.076\r\n\r\n";

static char *
answer_of(size_t bytes, size_t *n)
{
	char *text = malloc(sizeof head + 32 + bytes);

	if (text == NULL)
		exit(1);
	*n = (size_t)sprintf(text, head, bytes);
	memset(text + *n, 'x', bytes);
	*n += bytes;
	return text;
}

static void
serve(int fd, const char *answer, size_t n)
{
	FCGX_Request r;

	FCGX_InitRequest(&r, fd, 0);
	while (FCGX_Accept_r(&r) == 0) {
		FCGX_PutStr(answer, (int)n, r.out);
		FCGX_Finish_r(&r);
	}
}

int
main(int argc, char **argv)
{
	const char *answer = least;
	size_t n = sizeof least - 1;
	int fd;

	if (argc == 4)
		answer = answer_of(strtoul(argv[3], NULL, 10), &n);
	if (argc < 3 || argc > 4 || FCGX_Init() != 0 || (fd = FCGX_OpenSocket(argv[1], 511)) == -1)
		return 64;
	chmod(argv[1], 0666);
	for (int i = atoi(argv[2]); i > 0; i--)
		if (fork() == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			serve(fd, answer, n);
			_exit(0);
		}
	while (wait(NULL) > 0)
		;
	return 0;
}
