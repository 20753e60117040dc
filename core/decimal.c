/* decimal.c - numbers as text. */
#include "decimal.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DIGITS_MIN = 6, DIGITS_MAX = 9 };

size_t
decimal_of(uint64_t n, char out[DECIMAL_BYTES])
{
	char digits[DECIMAL_BYTES], *at = digits + sizeof digits;
	size_t len;

	do
		*--at = (char)('0' + n % 10);
	while ((n /= 10) != 0);
	len = (size_t)(digits + sizeof digits - at);
	memcpy(out, at, len);
	out[len] = '\0';
	return len;
}

static const double power_of_ten[] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12};

/* Of what is from 1e-4 to below 1e5: the exponent of its first digit. */
static int
first_exponent(double value)
{
	int e = 0;

	while (value >= power_of_ten[e + 1])
		e++;
	while (e <= 0 && value * power_of_ten[-e] < 1)
		e--;
	return e;
}

/* Does whole, which is nearly scaled = value * by, read back as value?  All of it is exact. */
static bool
reads_back(float value, double whole, double scaled, double by)
{
	float above = nextafterf(value, HUGE_VALF), below = nextafterf(value, 0);
	double room = whole > scaled ? ((double)above - (double)value) / 2 * by
				     : ((double)value - (double)below) / 2 * by;
	double off = fabs(whole - scaled);
	uint32_t bits;

	memcpy(&bits, &value, sizeof bits);
	return off < room || (off == room && bits % 2 == 0);
}

/* The number whole / 10^places, without zeros at its end. */
static size_t
put_fraction(uint64_t whole, int places, char *out)
{
	uint64_t scale = (uint64_t)power_of_ten[places], part = whole % scale;
	size_t n = decimal_of(whole / scale, out);

	if (part == 0)
		return n;
	out[n++] = '.';
	for (; part != 0; part %= scale) {
		scale /= 10;
		out[n++] = (char)('0' + part / scale);
	}
	out[n] = '\0';
	return n;
}

/* Whatever is not so common. */
static size_t
print_float(float value, char out[DECIMAL_BYTES])
{
	int n = 0;

	for (int digits = DIGITS_MIN; digits <= DIGITS_MAX; digits++) {
		n = snprintf(out, DECIMAL_BYTES, "%.*g", digits, (double)value);
		if (strtof(out, NULL) == value)
			break;
	}
	return (size_t)n;
}

size_t
decimal_of_float(float value, char out[DECIMAL_BYTES])
{
	float size = fabsf(value);
	size_t sign = value < 0;
	int exponent;

	if (!(size >= 1e-4f && size < 1e5f))
		return print_float(value, out);
	out[0] = '-';
	exponent = first_exponent(size);
	for (int digits = DIGITS_MIN;; digits++) {
		int places = digits - 1 - exponent;
		double by = power_of_ten[places], scaled = (double)size * by, whole = rint(scaled);
		if (digits == DIGITS_MAX || reads_back(size, whole, scaled, by))
			return sign + put_fraction((uint64_t)whole, places, out + sign);
	}
}
