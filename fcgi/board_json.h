/* board_json.h - the pools of a scoreboard as JSON, for /status and the control socket. */
#ifndef RAGPOOL_BOARD_JSON_H
#define RAGPOOL_BOARD_JSON_H

#include "board.h"
#include "buf.h"

/* An array, one object a pool, with php-fpm's names and busy_ratio, the share of their time
 * that the workers had a request in hand, at the last look of the supervisor. */
void board_put_pools(const struct board *board, struct buf *b);

#endif
