/* notify.h - tells systemd how we are (sd_notify), without libsystemd.
 *
 * A datagram to $NOTIFY_SOCKET; without that variable nothing happens.  Failures are
 * ignored: the service matters more than its report.
 */
#ifndef RAGPOOL_NOTIFY_H
#define RAGPOOL_NOTIFY_H

#include <stdint.h>

/* Lines as of sd_notify(3), e.g. "READY=1\nSTATUS=4 workers". */
void notify_send(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Half of the watchdog's interval in milliseconds, 0 when there is none for us. */
int64_t notify_watchdog_ms(void);

#endif
