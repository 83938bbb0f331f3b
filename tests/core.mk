# The core: nothing but libiwcm.la and libiwbase.la is linked, so that a call
# upwards does not link.
core_tests = tests/test_iw_state tests/test_iw_conn tests/test_iw_event tests/test_iw_ref \
	tests/test_iw_qp tests/test_iw_establish tests/test_iw_ib tests/test_iw_dgram \
	tests/test_iw_member tests/test_iw_stall tests/test_iw_race tests/test_iw_stress
IW_TESTS += $(core_tests)
core_test_cflags = $(AM_CFLAGS) $(CRITERION_CFLAGS)
core_test_ldadd = libiwcm.la libiwbase.la $(CRITERION_LIBS)
core_test_fake = tests/core_fake.c tests/core_fake.h

tests_test_iw_state_SOURCES = tests/test_iw_state.c $(core_test_fake)
tests_test_iw_state_CFLAGS = $(core_test_cflags)
tests_test_iw_state_LDADD = $(core_test_ldadd)

tests_test_iw_conn_SOURCES = tests/test_iw_conn.c $(core_test_fake)
tests_test_iw_conn_CFLAGS = $(core_test_cflags)
tests_test_iw_conn_LDADD = $(core_test_ldadd)

tests_test_iw_event_SOURCES = tests/test_iw_event.c $(core_test_fake)
tests_test_iw_event_CFLAGS = $(core_test_cflags)
tests_test_iw_event_LDADD = $(core_test_ldadd)

tests_test_iw_ref_SOURCES = tests/test_iw_ref.c $(core_test_fake)
tests_test_iw_ref_CFLAGS = $(core_test_cflags)
tests_test_iw_ref_LDADD = $(core_test_ldadd)

tests_test_iw_stall_SOURCES = tests/test_iw_stall.c tests/log_capture.h $(core_test_fake)
tests_test_iw_stall_CFLAGS = $(core_test_cflags)
tests_test_iw_stall_LDADD = $(core_test_ldadd)

tests_test_iw_qp_SOURCES = tests/test_iw_qp.c $(core_test_fake)
tests_test_iw_qp_CFLAGS = $(core_test_cflags)
tests_test_iw_qp_LDADD = $(core_test_ldadd)

tests_test_iw_establish_SOURCES = tests/test_iw_establish.c $(core_test_fake)
tests_test_iw_establish_CFLAGS = $(core_test_cflags)
tests_test_iw_establish_LDADD = $(core_test_ldadd)

tests_test_iw_ib_SOURCES = tests/test_iw_ib.c $(core_test_fake)
tests_test_iw_ib_CFLAGS = $(core_test_cflags)
tests_test_iw_ib_LDADD = $(core_test_ldadd)

tests_test_iw_dgram_SOURCES = tests/test_iw_dgram.c $(core_test_fake)
tests_test_iw_dgram_CFLAGS = $(core_test_cflags)
tests_test_iw_dgram_LDADD = $(core_test_ldadd)

tests_test_iw_member_SOURCES = tests/test_iw_member.c $(core_test_fake)
tests_test_iw_member_CFLAGS = $(core_test_cflags)
tests_test_iw_member_LDADD = $(core_test_ldadd)

tests_test_iw_race_SOURCES = tests/test_iw_race.c $(core_test_fake)
tests_test_iw_race_CFLAGS = $(core_test_cflags)
tests_test_iw_race_LDADD = $(core_test_ldadd)

tests_test_iw_stress_SOURCES = tests/test_iw_stress.c $(core_test_fake)
tests_test_iw_stress_CFLAGS = $(core_test_cflags)
tests_test_iw_stress_LDADD = $(core_test_ldadd)
