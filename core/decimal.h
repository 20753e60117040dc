/* decimal.h - numbers as text, without printf.
 *
 * An answer holds some forty of them, and vsnprintf() takes 100 ns for the least and 1 us for a
 * float that is tried at several lengths.
 *
 * Source  for floats: the product of a float (24 bits) and 10^k is exact in a double as long as 5^k
 *         has no more than 29, so the digits and whether they read back as the same float are
 *         found by exact arithmetic.
 */
#ifndef RAGPOOL_DECIMAL_H
#define RAGPOOL_DECIMAL_H

#include <stddef.h>
#include <stdint.h>

enum { DECIMAL_BYTES = 24 };		/* of any of them, with its NUL */

/* The decimal digits of n; how many. */
size_t decimal_of(uint64_t n, char out[DECIMAL_BYTES]);
/* What "%.6g" prints, or as many more digits, to nine, as it takes to read back as the same float;
 * finite values only.  How many bytes. */
size_t decimal_of_float(float value, char out[DECIMAL_BYTES]);

#endif
