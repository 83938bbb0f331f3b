# Included by tests/local.mk.
soft_qp_fake = tests/soft_qp_fake.c tests/soft_qp_fake.h
soft_qp_cflags = $(AM_CFLAGS) $(CRITERION_CFLAGS) $(VERBS_CFLAGS)
soft_qp_ldadd = libiwsoft.la libiwbase.la $(CRITERION_LIBS)

IW_TESTS += tests/test_soft_tx
tests_test_soft_tx_SOURCES = tests/test_soft_tx.c $(soft_qp_fake)
tests_test_soft_tx_CFLAGS = $(soft_qp_cflags)
tests_test_soft_tx_LDADD = $(soft_qp_ldadd)

IW_TESTS += tests/test_soft_nudge
tests_test_soft_nudge_SOURCES = tests/test_soft_nudge.c $(soft_qp_fake)
tests_test_soft_nudge_CFLAGS = $(soft_qp_cflags)
tests_test_soft_nudge_LDADD = $(soft_qp_ldadd)

IW_TESTS += tests/test_soft_sq
tests_test_soft_sq_SOURCES = tests/test_soft_sq.c $(soft_qp_fake)
tests_test_soft_sq_CFLAGS = $(soft_qp_cflags)
tests_test_soft_sq_LDADD = $(soft_qp_ldadd)

IW_TESTS += tests/test_soft_wr
tests_test_soft_wr_SOURCES = tests/test_soft_wr.c $(soft_qp_fake)
tests_test_soft_wr_CFLAGS = $(soft_qp_cflags)
tests_test_soft_wr_LDADD = $(soft_qp_ldadd)

IW_TESTS += tests/test_soft_qp
tests_test_soft_qp_SOURCES = tests/test_soft_qp.c $(soft_qp_fake)
tests_test_soft_qp_CFLAGS = $(soft_qp_cflags)
tests_test_soft_qp_LDADD = $(soft_qp_ldadd)
