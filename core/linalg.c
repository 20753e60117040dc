/* linalg.c - the little dense linear algebra the built-in embedder is trained with. */
#include "linalg.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "crew.h"
#include "vec.h"

/* Eight floats: two registers on every 64-bit machine, one with AVX2.  The kernels are
 * compiled for both; element by element they do the same sums in the same order. */
typedef float float8 __attribute__((vector_size(32)));

/* Columns or rows a kernel keeps in registers.  The loops over it are unrolled by pragma:
 * at -O2 the compiler would keep the sums in memory instead, four times as slow. */
enum { TILE = 4, ROWS_A_PART = 4096, LARGE_PAGE = 2 << 20 };

bool
linalg_is_wide(void)
{
#if defined(__x86_64__)
	return vec_ops() != &vec_scalar_ops;
#else
	return false;
#endif
}

/* Rows are met in no order: large matrices ask for large pages, each of which saves 512 walks
 * through the page tables. */
float *
linalg_alloc(size_t rows, size_t stride)
{
	size_t bytes, align;
	float *m;

	if (__builtin_mul_overflow(rows > 0 ? rows : 1, stride * sizeof(float), &bytes) ||
	    bytes > SIZE_MAX - LARGE_PAGE)
		return NULL;
	align = bytes < LARGE_PAGE ? 32 : LARGE_PAGE;
	bytes = (bytes + align - 1) & ~(align - 1);	/* what aligned_alloc() asks for */
	if ((m = aligned_alloc(align, bytes)) == NULL)
		return NULL;
	if (align == LARGE_PAGE)
		madvise(m, bytes, MADV_HUGEPAGE);
	memset(m, 0, bytes);
	return m;
}

/* ---- Y' Y ---- */

/* Columns i..i+3 against j..j+7 of at most LINALG_BLOCK rows. */
static inline __attribute__((always_inline)) void
gram_tile(float out[TILE][8], const float *y, size_t rows, size_t stride, size_t i, size_t j)
{
	float8 sum[TILE] = {{0}}, right;

	for (size_t r = 0; r < rows; r++) {
		const float *left = y + r * stride + i;
		memcpy(&right, y + r * stride + j, sizeof right);
#pragma GCC unroll 4
		for (int k = 0; k < TILE; k++)
			sum[k] += left[k] * right;
	}
	memcpy(out, sum, sizeof sum);
}

struct gram {
	double *g;
	const float *y;
	size_t rows, n, stride;
	size_t parts;
};

/* Every parts-th four rows of g, from the diagonal on; of Y a block at a time. */
static inline __attribute__((always_inline)) void
gram_rows(const struct gram *x, size_t first)
{
	float tile[TILE][8];

	for (size_t at = 0; at < x->rows; at += LINALG_BLOCK) {
		size_t rows = x->rows - at < LINALG_BLOCK ? x->rows - at : LINALG_BLOCK;
		for (size_t i = first * TILE; i < x->n; i += x->parts * TILE)
			for (size_t j = i / 8 * 8; j < x->n; j += 8) {
				gram_tile(tile, x->y + at * x->stride, rows, x->stride, i, j);
				for (size_t a = i; a < i + TILE && a < x->n; a++)
					for (size_t b = j; b < j + 8 && b < x->n; b++)
						x->g[a * x->n + b] += (double)tile[a - i][b - j];
			}
	}
}

static void
gram_part(void *context, size_t part)
{
	gram_rows(context, part);
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) static void
gram_part_avx2(void *context, size_t part)
{
	gram_rows(context, part);
}
#else
#define gram_part_avx2 gram_part
#endif

void
linalg_gram(double *g, const float *y, size_t rows, size_t n, size_t stride)
{
	struct gram x = {.g = g, .y = y, .rows = rows, .n = n, .stride = stride,
	    .parts = crew_size()};

	memset(g, 0, n * n * sizeof *g);
	crew_run(linalg_is_wide() ? gram_part_avx2 : gram_part, &x, x.parts);
	for (size_t a = 0; a < n; a++)
		for (size_t b = 0; b < a; b++)
			g[a * n + b] = g[b * n + a];
}

/* ---- Y M ---- */

/* Four rows of Y against eight columns of M. */
static inline __attribute__((always_inline)) void
times_tile(float *out, size_t out_stride, const float *y, size_t stride, const float *m,
    size_t m_stride, size_t n)
{
	float8 sum[TILE] = {{0}}, right;

	for (size_t k = 0; k < n; k++) {
		memcpy(&right, m + k * m_stride, sizeof right);
#pragma GCC unroll 4
		for (int r = 0; r < TILE; r++)
			sum[r] += y[(size_t)r * stride + k] * right;
	}
	for (int r = 0; r < TILE; r++)
		memcpy(out + (size_t)r * out_stride, &sum[r], sizeof sum[r]);
}

struct times {
	float *y;
	size_t rows, n, stride;
	const float *m;
	size_t m_stride;
	float *scratch;		/* 2 * TILE rows a part */
};

static inline __attribute__((always_inline)) void
times_rows(const struct times *x, float *y, size_t rows, float *in)
{
	float *out = in + TILE * x->stride;

	memset(in, 0, TILE * x->stride * sizeof *in);
	memcpy(in, y, rows * x->stride * sizeof *in);
	memset(out, 0, TILE * x->stride * sizeof *out);
	for (size_t j = 0; j < x->m_stride; j += 8)
		times_tile(out + j, x->stride, in, x->stride, x->m + j, x->m_stride, x->n);
	memcpy(y, out, rows * x->stride * sizeof *out);
}

static inline __attribute__((always_inline)) void
times_many(const struct times *x, size_t part)
{
	size_t at = part * ROWS_A_PART, end = at + ROWS_A_PART < x->rows ? at + ROWS_A_PART : x->rows;
	float *in = x->scratch + part * 2 * TILE * x->stride;

	for (; at < end; at += TILE)
		times_rows(x, x->y + at * x->stride, end - at < TILE ? end - at : TILE, in);
}

static void
times_part(void *context, size_t part)
{
	times_many(context, part);
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) static void
times_part_avx2(void *context, size_t part)
{
	times_many(context, part);
}
#else
#define times_part_avx2 times_part
#endif

int
linalg_times(float *y, size_t rows, size_t n, size_t stride, const double *m, size_t m_columns,
    struct err *e)
{
	size_t m_stride = linalg_stride(m_columns), parts = (rows + ROWS_A_PART - 1) / ROWS_A_PART;
	float *right = linalg_alloc(n, m_stride), *scratch = linalg_alloc(parts * 2 * TILE, stride);
	struct times x = {.y = y, .rows = rows, .n = n, .stride = stride, .m = right,
	    .m_stride = m_stride, .scratch = scratch};
	int rc = -1;

	if (right == NULL || scratch == NULL) {
		err_set(e, ERR_NOMEM, "a matrix of %zu x %zu", n, m_stride);
		goto out;
	}
	for (size_t k = 0; k < n; k++)
		for (size_t j = 0; j < m_columns; j++)
			right[k * m_stride + j] = (float)m[k * m_columns + j];
	crew_run(linalg_is_wide() ? times_part_avx2 : times_part, &x, parts);
	rc = 0;
out:
	free(right);
	free(scratch);
	return rc;
}

/* ---- orthonormal columns ---- */

/* g = R' R; R, upper triangular, replaces g.  A column whose rest after the projection on
 * those before it is below what float products can tell apart is dropped: its row and
 * column of R become zero. */
static size_t
cholesky(double *g, size_t n)
{
	size_t rank = 0;

	for (size_t j = 0; j < n; j++) {
		double whole = g[j * n + j], rest;
		for (size_t i = 0; i < j; i++) {
			double sum = g[i * n + j];
			for (size_t k = 0; k < i; k++)
				sum -= g[k * n + i] * g[k * n + j];
			g[i * n + j] = g[i * n + i] > 0 ? sum / g[i * n + i] : 0;
		}
		rest = whole;
		for (size_t k = 0; k < j; k++)
			rest -= g[k * n + j] * g[k * n + j];
		if (rest > whole * 1e-10 && whole > 0) {
			g[j * n + j] = sqrt(rest);
			rank++;
		} else {
			for (size_t k = 0; k <= j; k++)
				g[k * n + j] = 0;
		}
		for (size_t i = 0; i < j; i++)
			g[j * n + i] = 0;
	}
	return rank;
}

/* The inverse of an upper triangular matrix, in place; dropped columns stay zero. */
static void
invert_upper(double *r, size_t n)
{
	for (size_t j = 0; j < n; j++) {
		if (r[j * n + j] <= 0)
			continue;
		r[j * n + j] = 1 / r[j * n + j];
		for (size_t i = 0; i < j; i++) {
			double sum = 0;
			for (size_t k = i; k < j; k++)
				sum += r[i * n + k] * r[k * n + j];
			r[i * n + j] = -sum * r[j * n + j];
		}
	}
}

int
linalg_orthonormalise(
    float *y, size_t rows, size_t n, size_t stride, size_t *rank, struct err *e)
{
	double *g = calloc(n > 0 ? n * n : 1, sizeof *g);
	int rc = -1;

	if (g == NULL)
		return err_set(e, ERR_NOMEM, "a matrix of %zu x %zu", n, n);
	/* The second pass repairs what the first one's condition number spoilt. */
	for (int pass = 0; pass < 2; pass++) {
		linalg_gram(g, y, rows, n, stride);
		*rank = cholesky(g, n);
		invert_upper(g, n);
		if (linalg_times(y, rows, n, stride, g, n, e) == -1)
			goto out;
	}
	rc = 0;
out:
	free(g);
	return rc;
}

/* ---- eigenvalues ---- */

/* One Householder step: clears column k below the sub-diagonal of the symmetric a and
 * keeps the reflector (scaled so that v'v = 2) in row k of h. */
static void
reflect(double *a, size_t n, size_t k, double *h, double *p)
{
	double norm = 0, dot = 0, alpha;
	double *v = h + k * n;

	memset(v, 0, n * sizeof *v);
	for (size_t i = k + 1; i < n; i++)
		norm += a[i * n + k] * a[i * n + k];
	norm = sqrt(norm);
	if (norm <= 0)
		return;
	alpha = a[(k + 1) * n + k] > 0 ? -norm : norm;
	for (size_t i = k + 1; i < n; i++)
		v[i] = a[i * n + k];
	v[k + 1] -= alpha;
	/* |v|^2 = 2 (norm^2 - alpha a) */
	norm = sqrt(norm * norm - alpha * a[(k + 1) * n + k]);
	for (size_t i = k + 1; i < n; i++)
		v[i] /= norm;
	/* A - v w' - w v' with w = p - (p'v / 2) v, p = A v */
	for (size_t i = k; i < n; i++) {
		double sum = 0;
		for (size_t j = k + 1; j < n; j++)
			sum += a[i * n + j] * v[j];
		p[i] = sum;
		dot += sum * v[i];
	}
	for (size_t i = k; i < n; i++)
		p[i] -= dot / 2 * v[i];
	for (size_t i = k; i < n; i++)
		for (size_t j = k; j < n; j++)
			a[i * n + j] -= v[i] * p[j] + p[i] * v[j];
}

/* a = Q T Q': the diagonals of T into d and s (s[i] beside d[i] and d[i + 1]), the columns
 * of Q into the rows of z. */
static int
tridiagonal(double *a, size_t n, double *d, double *s, double *z)
{
	double *h = calloc(n * n, sizeof *h), *p = calloc(n, sizeof *p);
	int rc = -1;

	if (h == NULL || p == NULL)
		goto out;
	for (size_t k = 0; k + 2 < n; k++)
		reflect(a, n, k, h, p);
	for (size_t i = 0; i < n; i++) {
		d[i] = a[i * n + i];
		s[i] = i + 1 < n ? a[(i + 1) * n + i] : 0;
	}
	/* Row i of z is Q e_i = H0 H1 ... e_i: the reflectors from the last to the first. */
	for (size_t i = 0; i < n; i++) {
		double *row = z + i * n;
		memset(row, 0, n * sizeof *row);
		row[i] = 1;
		for (size_t k = n; k-- > 0;) {
			const double *v = h + k * n;
			double dot = 0;
			if (k + 2 >= n)
				continue;
			for (size_t j = k + 1; j < n; j++)
				dot += v[j] * row[j];
			for (size_t j = k + 1; j < n; j++)
				row[j] -= dot * v[j];
		}
	}
	rc = 0;
out:
	free(h);
	free(p);
	return rc;
}

/* Turns rows i and i + 1 of z. */
static void
rotate(double *z, size_t n, size_t i, double c, double s)
{
	double *one = z + i * n, *two = one + n;

	for (size_t k = 0; k < n; k++) {
		double f = two[k];
		two[k] = s * one[k] + c * f;
		one[k] = c * one[k] - s * f;
	}
}

/* One implicit QL sweep over l..m of the tridiagonal matrix. */
static void
ql_sweep(double *d, double *s, double *z, size_t n, size_t l, size_t m)
{
	double g = (d[l + 1] - d[l]) / (2 * s[l]), r = hypot(g, 1), p = 0, sine = 1, cosine = 1;

	g = d[m] - d[l] + s[l] / (g + copysign(r, g));
	for (size_t i = m; i-- > l;) {
		double f = sine * s[i], b = cosine * s[i];
		r = hypot(f, g);
		s[i + 1] = r;
		if (r <= 0) {		/* split in the middle: take the step back */
			d[i + 1] -= p;
			s[m] = 0;
			return;
		}
		sine = f / r;
		cosine = g / r;
		g = d[i + 1] - p;
		r = (d[i] - g) * sine + 2 * cosine * b;
		p = sine * r;
		d[i + 1] = g + p;
		g = cosine * r - b;
		rotate(z, n, i, cosine, sine);
	}
	d[l] -= p;
	s[l] = g;
	s[m] = 0;
}

static int
ql(double *d, double *s, double *z, size_t n, struct err *e)
{
	double tiny = 0;

	/* Measured against the whole matrix, not the neighbours: a collection of low rank has
	 * many eigenvalues that are nothing but rounding, and those would never settle. */
	for (size_t i = 0; i < n; i++)
		tiny = fmax(tiny, fabs(d[i]) + fabs(s[i]));
	tiny *= 0x1p-52;
	for (size_t l = 0; l < n; l++) {
		for (int sweep = 0;; sweep++) {
			size_t m = l;
			while (m + 1 < n && !(fabs(s[m]) <= tiny))
				m++;
			if (m == l)
				break;
			if (sweep == 60)
				return err_set(e, ERR_INTERNAL, "eigenvalues do not converge");
			ql_sweep(d, s, z, n, l, m);
		}
	}
	return 0;
}

struct eigen_order {
	double value;
	size_t row;
};

static int
by_value(const void *a, const void *b)
{
	const struct eigen_order *x = a, *y = b;

	if (x->value > y->value || x->value < y->value)
		return x->value > y->value ? -1 : 1;
	return x->row < y->row ? -1 : x->row > y->row;
}

/* Signs are free; the largest component decides, so that equal input gives equal output
 * whatever way led there. */
static void
copy_signed(double *to, const double *from, size_t n)
{
	size_t top = 0;

	for (size_t i = 1; i < n; i++)
		if (fabs(from[i]) > fabs(from[top]))
			top = i;
	for (size_t i = 0; i < n; i++)
		to[i] = from[top] < 0 ? -from[i] : from[i];
}

int
linalg_eigen(double *a, size_t n, double *value, double *vector, struct err *e)
{
	double *d = calloc(n + 1, sizeof *d), *s = calloc(n + 1, sizeof *s);
	double *z = calloc(n > 0 ? n * n : 1, sizeof *z);
	struct eigen_order *order = calloc(n > 0 ? n : 1, sizeof *order);
	int rc = -1;

	for (size_t i = 0; i < n * n; i++)
		if (!isfinite(a[i])) {
			err_set(e, ERR_INTERNAL, "eigenvalues of what is no number");
			goto out;
		}
	if (d == NULL || s == NULL || z == NULL || order == NULL ||
	    (n > 0 && tridiagonal(a, n, d, s, z) == -1)) {
		err_set(e, ERR_NOMEM, "eigenvalues of %zu columns", n);
		goto out;
	}
	if (ql(d, s, z, n, e) == -1)
		goto out;
	for (size_t i = 0; i < n; i++)
		order[i] = (struct eigen_order){d[i], i};
	qsort(order, n, sizeof *order, by_value);
	for (size_t i = 0; i < n; i++) {
		value[i] = order[i].value;
		copy_signed(vector + i * n, z + order[i].row * n, n);
	}
	rc = 0;
out:
	free(d);
	free(s);
	free(z);
	free(order);
	return rc;
}
