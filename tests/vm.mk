# Real-device tests: `make check-vm` boots a guest with kernel siw (tests/vm/README.md).
VM_CASES = tests/vm/guest/smoke.sh

EXTRA_DIST += \
	tests/vm/README.md tests/vm/build.sh tests/vm/run.sh tests/vm/merge.sh \
	tests/vm/initrd-init.sh tests/vm/guest/init.sh tests/vm/guest/lib.sh \
	tests/vm/guest/kernel-ok.txt $(VM_CASES)

.PHONY: check-vm
check-vm: all
	cd $(srcdir) && tests/vm/run.sh -b $(abs_builddir) -l $(abs_builddir)/tests/vm/log $(VM_CASES)
