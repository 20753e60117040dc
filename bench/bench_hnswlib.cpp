// bench_hnswlib.cpp - hnswlib on the same sets and in the same words as bench_ann.
//
//   bench_hnswlib SET build INDEX [M] [efConstruction]
//   bench_hnswlib SET walk INDEX EF
//
// Debian: libhnswlib-dev.  Compile for this machine: g++ -O3 -march=native -std=c++17.
#include <hnswlib/hnswlib.h>

#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>

extern "C" {
#include "vecs.h"
}

enum { K = 10, ROUNDS = 3 };

static double
cpu_s()
{
	timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void
build(const vecs_set &set, hnswlib::SpaceInterface<float> *space, const char *path, int m, int efc)
{
	double t = cpu_s();
	hnswlib::HierarchicalNSW<float> index(space, set.base.rows, (size_t)m, (size_t)efc, 42);

	for (uint32_t row = 0; row < set.base.rows; row++)
		index.addPoint(set.base.data + (size_t)row * set.base.dim, row);
	t = cpu_s() - t;
	index.saveIndex(path);
	printf("{\"engine\":\"hnswlib\",\"set\":\"%s\",\"M\":%d,\"efc\":%d,\"build_s\":%.1f}\n",
	    set.name, m, efc, t);
}

static void
walk(const vecs_set &set, hnswlib::SpaceInterface<float> *space, const char *path, int ef)
{
	hnswlib::HierarchicalNSW<float> index(space, path, false, set.base.rows);
	double best = 1e9;
	uint64_t good = 0;

	index.setEf((size_t)ef);
	for (int round = 0; round < ROUNDS; round++) {
		double t = cpu_s();
		good = 0;
		for (uint32_t i = 0; i < set.query.rows; i++) {
			auto found = index.searchKnn(set.query.data + (size_t)i * set.query.dim, K);
			uint32_t row[K], n = 0;
			for (; !found.empty(); found.pop())
				row[n++] = (uint32_t)found.top().second;
			good += vecs_hits(&set, i, row, n, K);
		}
		t = cpu_s() - t;
		best = t < best ? t : best;
	}
	printf("{\"engine\":\"hnswlib\",\"set\":\"%s\",\"ef\":%d,\"recall\":%.4f,\"qps\":%.1f}\n",
	    set.name, ef, (double)good / (set.query.rows * K), set.query.rows / best);
}

int
main(int argc, char **argv)
{
	vecs_set set;

	if (argc < 4)
		return fprintf(stderr, "usage: bench_hnswlib SET build|walk INDEX [...]\n"), 2;
	vecs_read(&set, argv[1]);
	hnswlib::InnerProductSpace ip(set.base.dim);
	hnswlib::L2Space l2(set.base.dim);
	hnswlib::SpaceInterface<float> *space = &l2;
	if (set.is_ip)
		space = &ip;
	if (std::string(argv[2]) == "build") {
		build(set, space, argv[3], argc > 4 ? atoi(argv[4]) : 16, argc > 5 ? atoi(argv[5]) : 200);
	} else {
		vecs_drop_base(&set);
		walk(set, space, argv[3], argc > 4 ? atoi(argv[4]) : 64);
	}
	vecs_free(&set);
	return 0;
}
