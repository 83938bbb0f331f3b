#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# Is the guest itself sound? The devices, the addresses, and stock rping over siw.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$SRC/tests/vm/guest/lib.sh"

is "$(ibv_devices | awk -v d="$DEV" '$1 == d { print $1 }')" "$DEV" "libibverbs sees $DEV"
is "$(ls /dev/infiniband/rdma_cm)" /dev/infiniband/rdma_cm "the kernel's connection manager is there"

rdma link add rxe0 type rxe netdev v0
is "$(ibv_devices | awk '$1 == "rxe0" { print $1 }')" rxe0 "rxe can be added on demand"
rdma link del rxe0

for _ in 1 2 3 4; do
	pause 0.000001
done
while read -r word value; do
	[ "$word" != SigBlk: ] || blocked=$value
done <"/proc/$$/status"
is "$blocked" 0000000000000000 "a pause that is over at once leaves the signals alone"

pings() {
	local server
	start stock "$OUT/server.log" rping -s -a "$ADDR" -C 10 -v
	server=$!
	wait_listen "$server"
	is $? 0 "stock rping listens"
	is_served_by "$server" stock "the system's librdmacm serves it"
	start stock "$OUT/client.log" rping -c -a "$ADDR" -C 10 -v
	wait_end $! 20
	is $? 0 "the client's exit status"
	wait_end "$server" 20
	is $? 0 "the server's exit status"
	like "$OUT/client.log" 'ping data: rdma-ping-9: ' "all ten pings came back"
}

watch_siw
again_on_siw pings

# Left to init, which has to find all of them: else the next script cannot have the port.
while pause 0.02; do
	pause 20 &
done &
done_testing
