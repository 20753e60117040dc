/* clk.h - monotonic time.  Wall time is for log lines only. */
#ifndef RAGPOOL_CLK_H
#define RAGPOOL_CLK_H

#include <stdint.h>

/* Nanoseconds since an arbitrary start; never goes back. */
int64_t clk_ns(void);
int64_t clk_ms(void);
/* CPU time of this process in nanoseconds. */
int64_t clk_cpu_ns(void);

#endif
