#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# Builds the guest of the real-device tests: Debian's kernel with siw and rxe, and an initrd.
# usage: build.sh [CACHE]    prints the folder that holds vmlinuz and initrd.gz
#
# Debian's kernel has rxe but not siw; siw is compiled from Debian's own kernel source package.
# A build is made in a temporary folder and renamed when complete, so interrupting is harmless.
# Its name is the kernel release and a hash of what went in: a change makes a new one.
# Environment: IWSHIM_VM_CACHE, IWSHIM_VM_RELEASE (a kernel release instead of the newest),
# IWSHIM_VM_SIW_PAUSE (ms that siw pauses where tests/vm/README.md says what it misses).
# As root it installs the packages that it and the tests need; others are told which are missing.
# Exit: 0 built or cached, 77 something is missing (stderr says what), 1 the build failed.
set -euo pipefail
export PATH=$PATH:/usr/sbin:/sbin LC_ALL=C

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
recipe=1
modules="virtio_pci virtio_console 9p 9pnet_virtio overlay siw rdma_ucm ib_uverbs rdma_rxe crc32_generic
	veth dummy 8021q bonding macvlan bridge vrf sch_netem"

say() { echo "vm: $*" >&2; }
missing() { say "$*"; exit 77; }
die() { say "$*"; exit 1; }

pick_cache() {
	if [ -n "${1:-${IWSHIM_VM_CACHE:-}}" ]; then
		echo "${1:-$IWSHIM_VM_CACHE}"
	elif [ -w /var/cache ]; then
		echo /var/cache/iwshim-vm
	else
		echo "${HOME:-/tmp}/.cache/iwshim-vm"
	fi
}

# Root may install; anybody else is told what to ask for.
install_packages() {
	[ "$(id -u)" = 0 ] || missing "missing: $*; as root: apt-get install --no-install-recommends $*"
	say "installing $*"
	DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$@" \
		>"$work/apt.log" 2>&1 || {
		tail -n 5 "$work/apt.log" >&2
		missing "apt-get could not install: $*"
	}
}

# need COMMAND PACKAGE: collects in $want the package of a command that is not there.
need() {
	command -v "$1" >/dev/null || want+=("$2")
}

have_lists() {
	apt-cache show linux-source-6.1 >/dev/null 2>&1
}

refresh_lists() {
	have_lists && return
	[ "$(id -u)" = 0 ] || missing "apt has no package lists; as root: apt-get update"
	say "fetching apt's package lists"
	apt-get update -qq >&2 || missing "apt-get update failed (is the network there?)"
	have_lists || missing "apt knows no linux-source-6.1 (this recipe is for Debian 12)"
}

newest_release() {
	apt-cache depends linux-image-amd64 2>/dev/null |
		awk '/Depends: linux-image/ { sub("linux-image-", "", $2); print $2; exit }'
}

# What shapes the result, bar the kernel release; raise $recipe when the building itself changes.
recipe_hash() {
	{
		echo "$recipe $modules${IWSHIM_VM_SIW_PAUSE:+ $IWSHIM_VM_SIW_PAUSE}"
		cat "$here/initrd-init.sh"
	} | sha256sum | cut -c1-12
}

# Without lists or network an older build of the same recipe is as good.
newest_cached() {
	local d best=
	for d in "$cache"/*-"$1"; do
		[ -e "$d/initrd.gz" ] && best=$d
	done
	[ -n "$best" ] && echo "$best"
}

# What run.sh needs, and what the guest finds in the host's root.
install_run_tools() {
	local want=()
	need qemu-system-x86_64 qemu-system-x86
	need ip iproute2
	need rdma iproute2
	need rping rdmacm-utils
	need ibv_devices ibverbs-utils
	need strace strace
	compgen -G '/usr/lib/*/libibverbs/libsiw-rdmav*.so' >/dev/null || want+=(ibverbs-providers)
	[ ${#want[@]} != 0 ] || return 0
	refresh_lists
	install_packages "${want[@]}"
}

install_tools() {
	local want=()
	need cpio cpio
	need depmod kmod
	need make make
	need gcc gcc
	need xz xz-utils
	need busybox busybox-static
	[ -d "/usr/src/linux-headers-$release" ] || want+=("linux-headers-$release")
	[ ${#want[@]} = 0 ] || install_packages "${want[@]}"
	# A dynamic busybox would not start in the initrd.
	! ldd "$(command -v busybox)" >/dev/null 2>&1 || install_packages busybox-static
}

# The packages stay in the cache: a changed recipe does not download 210 MB again.
download() {
	mkdir -p "$cache/debs"
	(cd "$cache/debs" && apt-get download "linux-image-$release" linux-source-6.1 \
		>"$work/apt.log" 2>&1) || {
		tail -n 3 "$work/apt.log" >&2
		missing "cannot download the kernel packages (is the network there?)"
	}
}

newest_deb() {
	find "$cache/debs" -name "$1_*.deb" -printf '%T@ %p\n' | sort -n | awk 'END { print $2 }'
}

# Between the Reply, which has been sent, and taking up the socket's word.
pause_siw() {
	local file=$1
	sed -i -e '0,/^#include/s//#include <linux\/delay.h>\n&/' \
		-e "s/^\tif (wait_for_peer_rts) {\$/\tmsleep($IWSHIM_VM_SIW_PAUSE);\n&/" "$file"
	[ "$(grep -c msleep "$file")" = 1 ] || die "siw_accept() is not what it was"
}

compile_siw() {
	local src=drivers/infiniband/sw/siw tree=linux-source-6.1
	dpkg --fsys-tarfile "$(newest_deb linux-source-6.1)" |
		tar xO ./usr/src/$tree.tar.xz | tar xJ -C "$work" $tree/$src
	[ -z "${IWSHIM_VM_SIW_PAUSE:-}" ] || pause_siw "$work/$tree/$src/siw_cm.c"
	make -s -C "/usr/src/linux-headers-$release" M="$work/$tree/$src" CONFIG_RDMA_SIW=m modules \
		>"$work/siw.log" 2>&1 || {
		tail -n 20 "$work/siw.log" >&2
		die "siw did not compile"
	}
	strip --strip-debug "$work/$tree/$src/siw.ko"
	install -D -m 644 "$work/$tree/$src/siw.ko" "$work/image/lib/modules/$release/extra/siw.ko"
}

# Copies the modules into the initrd and lists them in the order in which they load.
collect_modules() {
	local m
	for m in $modules; do
		modprobe -d "$work/image" -S "$release" --show-depends "$m" ||
			die "the kernel has no module $m"
	done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }' | while read -r m; do
		cp "$m" "$work/ird/mod/"
		basename "$m"
	done >"$work/ird/modlist"
}

make_initrd() {
	local a
	mkdir -p "$work"/ird/{bin,proc,sys,dev,mnt,mod}
	cp "$(command -v busybox)" "$work/ird/bin/busybox"
	for a in sh mount insmod switch_root mkdir echo; do
		ln -s busybox "$work/ird/bin/$a"
	done
	collect_modules
	install -m 755 "$here/initrd-init.sh" "$work/ird/init"
	(cd "$work/ird" && find . | cpio -o -H newc --quiet | gzip -6) >"$work/out/initrd.gz"
}

build() {
	refresh_lists
	install_tools
	say "building the guest $name in $cache (a minute or two, once)"
	download
	dpkg -x "$(newest_deb "linux-image-$release")" "$work/image"
	compile_siw
	depmod -b "$work/image" "$release"
	mkdir "$work/out"
	cp "$work/image/boot/vmlinuz-$release" "$work/out/vmlinuz"
	make_initrd
	rm -rf "${cache:?}/$name"
	mv "$work/out" "$cache/$name"
}

main() {
	local hash cached
	command -v apt-get >/dev/null || missing "this recipe builds from Debian packages: no apt-get"
	[ "$(uname -m)" = x86_64 ] || missing "the guest is built on x86_64 only"
	cache=$(pick_cache "${1:-}")
	mkdir -p "$cache" 2>/dev/null || missing "cannot write $cache: set IWSHIM_VM_CACHE"
	cache=$(cd "$cache" && pwd)
	exec 9>"$cache/.lock"
	flock 9 # two builders at once: the second finds the work of the first
	rm -rf "$cache"/.tmp.* # of a builder that was killed
	work=$(mktemp -d "$cache/.tmp.XXXXXX")
	trap 'rm -rf "$work"' EXIT
	trap 'exit 1' INT TERM HUP
	install_run_tools
	hash=$(recipe_hash)
	if [ -z "${IWSHIM_VM_RELEASE:-}" ] && ! have_lists && cached=$(newest_cached "$hash"); then
		echo "$cached"
		return
	fi
	refresh_lists
	release=${IWSHIM_VM_RELEASE:-$(newest_release)}
	[ -n "$release" ] || missing "apt does not say which kernel linux-image-amd64 is"
	name=$release-$hash
	[ -e "$cache/$name/initrd.gz" ] || build >&2
	echo "$cache/$name"
}

main "$@"
