# Unit tests: one Criterion program a module, named test_<stem>.
# Tests of the core link libiwcm.la and libiwbase.la alone.
include tests/vm.mk
include tests/driver-vm.mk

if HAVE_CRITERION
IW_TESTS =
include tests/base.mk
include tests/core.mk
include tests/headers.mk
include tests/netlink.mk
include tests/driver.mk
check_PROGRAMS += $(IW_TESTS)
TESTS += $(IW_TESTS)
endif
include tests/checks.mk
