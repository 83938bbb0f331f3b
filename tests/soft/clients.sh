#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# Debian's own programs on the software device: the shared client scripts by three routes
# (preload, a folder in LD_LIBRARY_PATH, the command iwshim), and pyverbs' unit tests.
# As an ordinary user, on 127.0.0.1 and ::1, with no RDMA device. TAP.
#   clients.sh [-b BUILD] [-o REGEX of scripts, "iwshim rping", or "pyverbs MODULE"]
# Environment: IWSHIM_SHARED (the folder that holds clients/), CI (true: it must be there)
# tests/soft/known.txt lists what cannot pass, each with its reason.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

known=$here/known.txt
python=/usr/bin/python3
py_modules="test_rdmacm test_addr test_device test_pd test_mr test_cq test_cqex test_cq_events
	test_qp test_qpex test_odp test_atomic test_fork test_shared_pd test_parent_domain
	test_relaxed_ordering test_flow test_tag_matching test_rss_traffic"

find_folder() {
	local d
	for d in "${IWSHIM_SHARED:-/work/shared}" "$here/../../../shared"; do
		[ -r "$d/clients/lib.sh" ] && echo "$d/clients" && return
	done
}

# The scripts learn from rdma(8) whether a server listens: on this device that is a TCP socket.
# Of the processes of this run alone, by a mark in their environment: others listen, too.
stand_in_for_rdma() {
	mkdir -p "$work/bin"
	export IWSHIM_CLIENTS=$$
	cat >"$work/bin/rdma" <<-'EOF'
		#!/bin/bash
		grep -lszx "IWSHIM_CLIENTS=$IWSHIM_CLIENTS" /proc/[0-9]*/environ |
			while IFS=/ read -r _ _ pid _; do
				find "/proc/$pid/fd" -lname 'socket:*' -printf '%l\n' 2>/dev/null
			done | tr -dc '0-9\n' | sort -u >"${0%/*}/sockets.$$"
		awk 'FNR == NR { ours[$1] = 1; next } $4 == "0A" && $10 in ours { print "LISTEN" }' \
			"${0%/*}/sockets.$$" /proc/net/tcp /proc/net/tcp6
		rm -f "${0%/*}/sockets.$$"
	EOF
	chmod +x "$work/bin/rdma"
	PATH=$work/bin:$PATH
}

# reason_of SCRIPT CASE: sets reason if it is known not to pass.
reason_of() {
	reason=$(awk -v s="$1" -v c="$2" '$1 == s && $2 == c {
		sub(/^[^ ]+ +[^ ]+ +/, ""); print; exit }' "$known")
}

# line_to_tap ROUTE SCRIPT LINE: a case's verdict; everything else is a comment.
line_to_tap() {
	local verdict name rest
	read -r verdict name rest <<<"$3"
	case $verdict:$name in
	*:"$2["*) echo "# $3" ;; # the summary
	ok:* | XPASS:*) ok "$1 $2 $name $rest" ;;
	FAIL:* | xfail:*)
		reason_of "$2" "$name"
		not_ok "$1 $2 $name $rest"
		;;
	skip:*) skip "$1 $2 $name" "$rest" ;;
	*) echo "# $3" ;;
	esac
}

# client ROUTE SCRIPT [CASES]: environment of the route in $route_env.
client() {
	local line env=IWSHIM_DEVICE=soft
	if [ -z "$(cases "$2" "$only" "$3")" ]; then return; fi
	[ "$2" != perftest ] || env="$env LD_PRELOAD=$patient:$route_preload"
	while IFS= read -r line; do
		line_to_tap "$1" "$2" "$line"
	done < <(env "${route_env[@]}" DEV=usiw_lo ADDR=127.0.0.1 ADDR6=::1 READY=listen TMUL=2 \
		UENV="$env" ONLY="$3" LOGD="$work/$1-$2" bash "$folder/$2.sh" 2>&1)
}

# Whether anything of a script is wanted.
cases() {
	[ -z "$2" ] || [[ "$1 $3" =~ $2 ]] && echo yes
}

routes() {
	local script
	route_env=(RDMACM_PRELOAD="$our_lib") route_preload=$our_lib
	for script in rping cmatose cmtime rdmaclisrv udaddy; do
		client preload "$script" ''
	done
	# Not send_bw-e, which hangs until its time is over (known.txt).
	client preload perftest '(_bw|_lat|-a|-b|-q4|-q16|-inl|lat-e|-srq|-D|-p|-tos|-z|-src)$'
	mkdir "$work/lib"
	ln -s "$our_lib" "$work/lib/librdmacm.so.1"
	route_env=(RDMACM_LIBDIR="$work/lib") route_preload=
	client libdir rping '^(v-10|V-S65535|ipv6|selfqp-q|persist-par3|refused)$'
	client libdir cmatose '^(default|c36|C10-S1M|ipv6)$'
	client libdir cmtime '^c(10|100)$'
	client libdir rdmaclisrv ''
	client libdir perftest '^(send|write|read)_(bw|lat)$'
}

# The third route is how a person starts programs.
by_the_tool() {
	local server
	chosen "iwshim rping" || return
	"$tool" run --soft -- timeout 20 rping -s -a 127.0.0.1 -p 24711 -C 10 >/dev/null 2>&1 &
	server=$!
	wait_listen 24711 $server
	if "$tool" run --soft -- timeout 20 rping -c -a 127.0.0.1 -p 24711 -C 10 -V &&
		wait "$server"; then
		ok "iwshim rping"
	else
		not_ok "iwshim rping"
	fi
}

# ---- pyverbs

# The tests, unpacked; where documentation is not installed, from the package.
find_pyverbs_tests() {
	local from=/usr/share/doc/rdma-core/tests
	mkdir -p "$work/py" "$work/deb"
	if [ ! -e $from/base.py.gz ] && [ ! -e $from/base.py ]; then
		(cd "$work/deb" && apt-get download python3-pyverbs rdma-core >/dev/null 2>&1 &&
			for deb in *.deb; do dpkg -x "$deb" .; done)
		from=$work/deb$from
	fi
	cp -r "$from" "$work/py/tests" 2>/dev/null || return
	gunzip -qf "$work"/py/tests/*.gz 2>/dev/null
	[ -e "$work/py/tests/base.py" ]
}

py_line() {
	local verdict name rest
	read -r verdict name rest <<<"$2"
	case $verdict:$name in
	ok:*) ok "pyverbs $1 $name" ;;
	skip:*) skip "pyverbs $1 $name" "$rest" ;;
	not:ok)
		name=${rest%% *}
		reason_of pyverbs "$name"
		not_ok "pyverbs $1 $name: ${rest#* }"
		;;
	\#:*) echo "$2" ;;
	esac
}

pyverbs() {
	local module line
	chosen pyverbs || [[ $only == *test_* ]] || return
	$python -c 'import pyverbs.device' 2>/dev/null || {
		skip pyverbs "python3-pyverbs is not installed"
		return
	}
	find_pyverbs_tests || {
		skip pyverbs "its tests are neither installed nor to be had by apt-get download"
		return
	}
	for module in $py_modules; do
		chosen "pyverbs $module" || continue
		while IFS= read -r line; do
			py_line "$module" "$line"
		done < <(cd "$work" && PYVTESTS=$work/py IWSHIM_DEVICE=soft LD_PRELOAD=$our_lib \
			timeout -k 3 90 $python "$here/pyv.py" usiw_lo 127.0.0.1 "$module" 2>&1 ||
			[ $? -lt 124 ] || echo "not ok $module does not end")
	done
}

prepare
folder=$(find_folder)
stand_in_for_rdma
if [ -n "$folder" ]; then
	routes
elif [ "${CI-}" = true ]; then
	not_ok "a folder of shared clients (IWSHIM_SHARED)"
else
	skip "shared clients" "no folder of them here (IWSHIM_SHARED)"
fi
by_the_tool
pyverbs
done_testing
