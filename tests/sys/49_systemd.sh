#!/bin/bash
# What systemd is promised: units that it accepts and that give little away, sockets that are
# taken over by their names, a service that says when it is ready, reloading and alive.
. "${0%/*}/lib.sh"
need systemd-analyze systemd-socket-activate nginx curl python3

# The units as they would be installed, with programs that are there.
need_built ragpoold ragpool-worker ragpool
mkdir "$T/units"
for unit in "$etc"/systemd/*.service.in; do
	sed -e "s|@sbindir@|$bin|g; s|@bindir@|$bin|g; s|@pkglibexecdir@|$bin|g" \
		-e 's|@sysconfdir@|/etc|g; /^Documentation=/d' "$unit" \
		>"$T/units/$(basename "$unit" .in)"
done
for unit in "$etc"/systemd/*.socket; do
	sed '/^Documentation=/d' "$unit" >"$T/units/${unit##*/}"
done
is "nothing is left to fill in" "$(grep -l '@[a-z]*@' "$T"/units/* | grep -c .)" 0
is "systemd accepts the units" "$(systemd-analyze verify --man=no "$T"/units/*.service \
	"$T"/units/*.socket 2>&1 | grep -F "$T/units")" ''
exposure() {
	systemd-analyze security --offline=true "$T/units/$1" 2>&1 |
		sed -n 's/.*exposure level for .*: \([0-9.]*\) .*/\1/p'
}
at_most() { awk -v has="$1" -v most="$2" 'BEGIN { exit !(has != "" && has <= most) }'; }
supervisor=$(exposure ragpoold.service)
worker=$(exposure ragpool-worker@.service)
note "exposure: ragpoold $supervisor, ragpool-worker@ $worker"
ok "a worker is exposed by 1.0 at most" at_most "$worker" 1.0
ok "the supervisor by 2.0 at most" at_most "$supervisor" 2.0

# Two pools, two sockets, in the wrong order: the names decide.
sample en
start_pool WORKERS=1
stop "$pool"
cat >>"$conf" <<-END
	[pool answer]
	listen = $T/run/nobody-binds-this.sock
	workers = 1
END
start notified "$PYTHON" "$here/notified.py" "$T/notify.sock" "$T/notified.txt"
wait_for 10 "somebody listens for systemd" test -S "$T/notify.sock"
start ragpoold env NOTIFY_SOCKET="$T/notify.sock" WATCHDOG_USEC=1000000 \
	systemd-socket-activate -l "$T/run/answer.sock" -l "$T/run/query.sock" \
	--fdname=answer:query -E NOTIFY_SOCKET -E WATCHDOG_USEC -E PATH \
	"$bin/ragpoold" -c "$conf" --foreground
pool=$started
wait_for 10 "the sockets are there" test -S "$T/run/query.sock"
chmod 666 "$T/run/query.sock" "$T/run/answer.sock"
start_nginx
heard() { [ "$(grep -c "$1" "$T/notified.txt")" -ge "${2:-1}" ]; }
put_tenant en v1 "$T/sources/en"
wait_for 60 "the first request starts the service" answers 200 /query/en '{"query": "bread"}'
ok "it says that it is ready" wait_until 10 heard READY=1
ok "the other pool has the other socket" grep -q 'pool answer listens on an inherited socket' \
	"$T/ragpoold.log"
ok "nothing was bound" test ! -e "$T/run/nobody-binds-this.sock"
stop "$nginx"
socket=$T/run/answer.sock
start_nginx
is "and answers there" "$(answers 200 /query/en '{"query": "bread"}'; echo $?)" 0
ok "it says that it is alive" wait_until 10 heard WATCHDOG=1 3
kill -HUP "$pool"
ok "it says that it reloads, and since when" wait_until 10 heard 'RELOADING=1 MONOTONIC_USEC='
ok "and that it is done" wait_until 10 heard READY=1 2
ok "and what it is about" heard 'STATUS=epoch'
stop "$pool"
ok "it says that it stops" heard STOPPING=1
ok "systemd's sockets are systemd's" test -S "$T/run/query.sock"
finish
