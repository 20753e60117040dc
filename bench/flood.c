/* flood.c - asks at a constant rate, whatever comes back, for little of the processor's time.
 *
 *   flood HOST PORT PATH RATE SECONDS BODY
 *
 * Posts the file BODY on a connection of its own each time, and begins the next one when it is due,
 * whether or not the last one was answered.  Prints one line: how many were asked, how many got
 * which status ("lost": none), and the milliseconds of the processor this program took itself.  It
 * stands for many clients on other machines; see bench/fair.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { STATUS_MAX = 600, EVENTS = 64, LAST_ANSWERS_S = 10 };

struct flood {
	struct sockaddr_in to;
	char *request;
	size_t request_len;
	int epoll;
	long asked, open, lost;
	long statuses[STATUS_MAX];
};

static int64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static int
read_request(struct flood *f, const char *path, const char *host, const char *file)
{
	FILE *in = fopen(file, "r");
	struct stat st;
	int head;

	if (in == NULL || fstat(fileno(in), &st) == -1 ||
	    (f->request = malloc((size_t)st.st_size + 1024)) == NULL)
		return -1;
	head = snprintf(f->request, 1024,
	    "POST %.500s HTTP/1.1\r\nHost: %.100s\r\nConnection: close\r\n"
	    "Content-Type: application/json\r\nContent-Length: %lld\r\n\r\n",
	    path, host, (long long)st.st_size);
	f->request_len = (size_t)head + fread(f->request + head, 1, (size_t)st.st_size, in);
	fclose(in);
	return f->request_len == (size_t)(head + st.st_size) ? 0 : -1;
}

/* On the loopback a connection is there at once, and a request fits into the socket's buffer. */
static void
ask(struct flood *f)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct epoll_event ev = {.events = EPOLLIN, .data.fd = fd};

	f->asked++;
	if (fd == -1 || connect(fd, (struct sockaddr *)&f->to, sizeof f->to) == -1 ||
	    send(fd, f->request, f->request_len, MSG_NOSIGNAL | MSG_DONTWAIT) !=
		(ssize_t)f->request_len ||
	    epoll_ctl(f->epoll, EPOLL_CTL_ADD, fd, &ev) == -1) {
		f->lost++;
		if (fd != -1)
			close(fd);
		return;
	}
	f->open++;
}

/* The first bytes of an answer say what came of it; the rest is not looked at. */
static void
take_answer(struct flood *f, int fd)
{
	char line[4096];
	ssize_t n = recv(fd, line, sizeof line - 1, MSG_DONTWAIT);
	int status = 0;

	if (n == -1 && errno == EAGAIN)
		return;
	line[n > 0 ? n : 0] = '\0';
	if (sscanf(line, "HTTP/1.%*d %d", &status) == 1 && status > 0 && status < STATUS_MAX)
		f->statuses[status]++;
	else
		f->lost++;
	f->open--;
	close(fd);
}

static void
wait_until(struct flood *f, int64_t due_ns)
{
	struct epoll_event ev[EVENTS];
	int64_t left = due_ns - now_ns();
	struct timespec t;
	int n;

	left = left > 0 ? left : 0;
	t = (struct timespec){left / 1000000000, left % 1000000000};
	n = epoll_pwait2(f->epoll, ev, EVENTS, &t, NULL);
	for (int i = 0; i < n; i++)
		take_answer(f, ev[i].data.fd);
}

static void
run(struct flood *f, double rate, double seconds)
{
	int64_t begin = now_ns(), end;
	long all = (long)(rate * seconds);

	for (long i = 0; i < all; i++) {
		int64_t due = begin + (int64_t)((double)i * 1e9 / rate);
		do
			wait_until(f, due);
		while (now_ns() < due);
		ask(f);
	}
	end = now_ns() + LAST_ANSWERS_S * INT64_C(1000000000);
	while (f->open > 0 && now_ns() < end)
		wait_until(f, end);
}

static void
print(const struct flood *f)
{
	struct rusage used;

	getrusage(RUSAGE_SELF, &used);
	printf("asked %ld", f->asked);
	for (int i = 0; i < STATUS_MAX; i++)
		if (f->statuses[i] > 0)
			printf(" %d:%ld", i, f->statuses[i]);
	printf(" lost:%ld cpu:%ld\n", f->lost + f->open,
	    (used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000L +
		(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1000);
}

int
main(int argc, char **argv)
{
	struct flood f = {.to.sin_family = AF_INET};

	if (argc != 7 || inet_pton(AF_INET, argv[1], &f.to.sin_addr) != 1 ||
	    (f.epoll = epoll_create1(EPOLL_CLOEXEC)) == -1) {
		fprintf(stderr, "usage: flood HOST PORT PATH RATE SECONDS BODY\n");
		return 64;
	}
	f.to.sin_port = htons((uint16_t)atoi(argv[2]));
	if (read_request(&f, argv[3], argv[1], argv[6]) == -1) {
		perror(argv[6]);
		return 66;
	}
	run(&f, atof(argv[4]), atof(argv[5]));
	print(&f);
	free(f.request);
	return 0;
}
