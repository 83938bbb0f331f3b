# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# Included by tests/local.mk: failures injected into sessions on the software
# device, and forks in the middle of them. Our static libraries: the failures are
# there, and sanitizers see all of it.
check_PROGRAMS += tests/soft/fault_sweep
TESTS += tests/soft/fault_sweep
sweep_sources = tests/soft/sweep.h tests/soft/sweep_steps.h tests/soft/sweep_steps.c \
	tests/soft/sweep_sessions.c tests/soft/sweep_more.c tests/soft/sweep_peer.c
tests_soft_fault_sweep_SOURCES = tests/soft/fault_sweep.c tests/soft/sweep_run.h \
	tests/soft/sweep_run.c tests/soft/sweep_site.c tests/soft/sweep_wrap.c $(sweep_sources)
tests_soft_fault_sweep_CPPFLAGS = $(AM_CPPFLAGS) -DSRCDIR='"$(abs_top_srcdir)"'
tests_soft_fault_sweep_CFLAGS = $(AM_CFLAGS) $(VERBS_CFLAGS)
# What tests/soft/sweep_wrap.c stands before.
tests_soft_fault_sweep_LDFLAGS = $(AM_LDFLAGS) \
	-Wl,--wrap=socket -Wl,--wrap=bind -Wl,--wrap=listen \
	-Wl,--wrap=connect -Wl,--wrap=getsockname -Wl,--wrap=getpeername \
	-Wl,--wrap=setsockopt -Wl,--wrap=epoll_create1 -Wl,--wrap=epoll_ctl \
	-Wl,--wrap=eventfd -Wl,--wrap=timerfd_create -Wl,--wrap=pipe2 \
	-Wl,--wrap=open -Wl,--wrap=ioctl -Wl,--wrap=getrandom \
	-Wl,--wrap=getifaddrs -Wl,--wrap=getaddrinfo -Wl,--wrap=pthread_create \
	-Wl,--wrap=pthread_key_create -Wl,--wrap=pthread_setspecific -Wl,--wrap=pthread_atfork \
	-Wl,--wrap=mincore -Wl,--wrap=process_vm_readv -Wl,--wrap=vmsplice \
	-Wl,--wrap=nlmsg_alloc_size -Wl,--wrap=accept4 -Wl,--wrap=poll \
	-Wl,--wrap=epoll_wait -Wl,--wrap=recvfrom -Wl,--wrap=sendto \
	-Wl,--wrap=read -Wl,--wrap=write -Wl,--wrap=recv \
	-Wl,--wrap=send -Wl,--wrap=recvmsg -Wl,--wrap=sendmsg \
	-Wl,--wrap=calloc -Wl,--wrap=free
tests_soft_fault_sweep_LDADD = $(IW_STATIC_LIBS)

check_PROGRAMS += tests/soft/fork_live
TESTS += tests/soft/fork_live
tests_soft_fork_live_SOURCES = tests/soft/fork_live.c $(sweep_sources)
tests_soft_fork_live_CFLAGS = $(AM_CFLAGS) $(VERBS_CFLAGS)
tests_soft_fork_live_LDADD = $(IW_STATIC_LIBS)

# What can fail, by the object files, has its place for a failure.
TESTS += tests/check_faults.sh
EXTRA_DIST += tests/check_faults.sh tests/fault-scan.awk tests/fault-calls.txt \
	tests/fault-exempt.txt

if HAVE_CRITERION
check_PROGRAMS += tests/test_soft_key
TESTS += tests/test_soft_key
tests_test_soft_key_SOURCES = tests/test_soft_key.c $(soft_qp_fake)
tests_test_soft_key_CFLAGS = $(soft_qp_cflags)
tests_test_soft_key_LDADD = $(soft_qp_ldadd)
endif
