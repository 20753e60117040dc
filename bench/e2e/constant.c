/* constant.c - the least a FastCGI program can do with libfcgi: a constant answer.
 *
 *   constant SOCKET PROCESSES
 *
 * What ragpool's requests per second are compared with; see bench/e2e/run.sh.
 */
#include <fcgiapp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void
serve(int fd)
{
	FCGX_Request r;

	FCGX_InitRequest(&r, fd, 0);
	while (FCGX_Accept_r(&r) == 0) {
		FCGX_PutS("Status: 200 OK\r\nContent-Type: application/json\r\n"
			  "Content-Length: 12\r\n\r\n{\"ok\": true}", r.out);
		FCGX_Finish_r(&r);
	}
}

int
main(int argc, char **argv)
{
	int fd;

	if (argc != 3 || FCGX_Init() != 0 || (fd = FCGX_OpenSocket(argv[1], 511)) == -1)
		return 64;
	chmod(argv[1], 0666);
	for (int i = atoi(argv[2]); i > 0; i--)
		if (fork() == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			serve(fd);
			_exit(0);
		}
	while (wait(NULL) > 0)
		;
	return 0;
}
