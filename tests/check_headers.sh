#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# The public headers compile alone and together, quietly, as every C and C++ that
# programs use, with each compiler there is; and they change no type of rdma-core's
# (check_header_names.sh looks for names and values). TAP-like lines, exit 1 if one says
# "not ok".
srcdir=${srcdir:-.}
stock=${STOCK_INCLUDE:-/usr/include}
. "$srcdir/tests/tap.sh"

# compile COMPILER LANGUAGE STANDARD SOURCE
compile() {
	"$1" -x "$2" -std="$3" -Wall -Wextra -Wshadow -Wconversion -Wcast-qual -pedantic -Werror \
		-I"$srcdir/include" -c "$tmp/$4" -o "$tmp/out.o" >"$tmp/log" 2>&1
	verdict $? "$4 as $3 by $1"
}

echo '#include <rdma/rdma_cma.h>' >"$tmp/rdma_cma"
echo '#include <rdma/rdma_verbs.h>' >"$tmp/rdma_verbs"
cat >"$tmp/both" <<'END'
#include <rdma/rdma_verbs.h>
#include <rdma/rdma_cma.h>
#include <rdma/rdma_verbs.h>
int use(struct rdma_cm_id *id, struct ibv_mr *mr, struct ibv_wc *wc);
int use(struct rdma_cm_id *id, struct ibv_mr *mr, struct ibv_wc *wc)
{
	struct ibv_sge sge = { 0, 0, 0 };
	struct sockaddr *ends[2];

	ends[0] = rdma_get_local_addr(id);
	ends[1] = rdma_get_peer_addr(id);
	return (ends[0] == ends[1]) + rdma_post_recv(id, id, mr->addr, 1, mr) +
	       rdma_post_send(id, id, mr->addr, 1, mr, IBV_SEND_SIGNALED) +
	       rdma_post_read(id, id, mr->addr, 1, mr, 0, 0, 0) +
	       rdma_post_write(id, id, mr->addr, 1, mr, 0, 0, 0) +
	       rdma_post_ud_send(id, id, mr->addr, 1, mr, 0, (struct ibv_ah *)0, 0) +
	       rdma_post_recvv(id, id, &sge, 1) + rdma_post_sendv(id, id, &sge, 1, 0) +
	       rdma_post_readv(id, id, &sge, 1, 0, 0, 0) +
	       rdma_post_writev(id, id, &sge, 1, 0, 0, 0) + rdma_get_send_comp(id, wc) +
	       rdma_get_recv_comp(id, wc) + rdma_dereg_mr(rdma_reg_msgs(id, mr, 1)) +
	       rdma_dereg_mr(rdma_reg_read(id, mr, 1)) + rdma_dereg_mr(rdma_reg_write(id, mr, 1));
}
END

for cc in gcc clang; do
	command -v $cc >/dev/null || { echo "# no $cc here"; continue; }
	for std in c99 gnu99 c11 gnu11 c17; do
		for source in rdma_cma rdma_verbs both; do
			compile $cc c $std $source
		done
	done
done
for cxx in g++ clang++; do
	command -v $cxx >/dev/null || { echo "# no $cxx here"; continue; }
	for std in c++11 c++14 c++17 c++20; do
		for source in rdma_cma rdma_verbs both; do
			compile $cxx c++ $std $source
		done
	done
done
[ $n -gt 0 ] || exit 77

# C++ spells a function's type out: both headers have to agree.
types() {
	g++ -std=c++11 $1 -c "$tmp/types.cc" -o "$tmp/types.o" 2>"$tmp/log" &&
		g++ "$tmp/types.o" -o "$tmp/types" 2>>"$tmp/log" && "$tmp/types"
}
if [ -e "$stock/rdma/rdma_cma.h" ] && command -v g++ >/dev/null; then
	{
		echo '#include <rdma/rdma_verbs.h>'
		echo '#include <cstdio>'
		echo '#include <typeinfo>'
		echo '#define T(f) std::printf("%s %s\\n", #f, typeid(decltype(f)).name());'
		echo 'int main() {'
		grep -oE '^RDMACM_1\.[0-3] rdma_.*' "$srcdir/tests/librdmacm-symbols.txt" |
			sed 's/.* \(.*\)/T(\1)/'
		for f in get_local_addr get_peer_addr reg_msgs reg_read reg_write dereg_mr \
			post_recv post_send post_read post_write post_ud_send post_recvv \
			post_sendv post_readv post_writev get_send_comp get_recv_comp seterrno; do
			echo "T(rdma_$f)"
		done
		for m in cm_id::verbs cm_id::channel cm_id::context cm_id::qp cm_id::ps \
			cm_id::port_num cm_id::event cm_id::send_cq_channel cm_id::send_cq \
			cm_id::recv_cq_channel cm_id::recv_cq cm_id::srq cm_id::pd cm_id::qp_type \
			route::path_rec route::num_paths ib_addr::pkey ib_addr::sgid \
			cm_event::id cm_event::listen_id cm_event::event cm_event::status \
			conn_param::private_data conn_param::private_data_len conn_param::qp_num \
			ud_param::private_data ud_param::ah_attr ud_param::qp_num ud_param::qkey \
			addrinfo::ai_src_addr addrinfo::ai_src_len addrinfo::ai_src_canonname \
			addrinfo::ai_route addrinfo::ai_route_len addrinfo::ai_next \
			cm_join_mc_attr_ex::comp_mask cm_join_mc_attr_ex::addr; do
			echo "T(rdma_$m)"
		done
		echo '}'
	} >"$tmp/types.cc"
	types "-I$srcdir/include" >"$tmp/ours" && types "-I$stock" >"$tmp/theirs"
	status=$?
	[ $status -ne 0 ] || diff "$tmp/theirs" "$tmp/ours" >"$tmp/log"
	[ $? -eq 0 ] && [ $status -eq 0 ] && [ -s "$tmp/ours" ]
	verdict $? "functions and fields have rdma-core's types"
fi

echo "1..$n"
exit $bad
