# Included by tests/local.mk.
# The software device's codecs link no other module of it.
IW_TESTS += tests/test_crc32c tests/test_mpa tests/test_ddp tests/test_rdmap
iw_codec_test_cflags = $(AM_CFLAGS) $(CRITERION_CFLAGS)
iw_codec_test_ldadd = libiwsoft.la libiwbase.la $(CRITERION_LIBS)

tests_test_crc32c_SOURCES = tests/test_crc32c.c
tests_test_crc32c_CFLAGS = $(iw_codec_test_cflags)
tests_test_crc32c_LDADD = $(iw_codec_test_ldadd)

tests_test_mpa_SOURCES = tests/test_mpa.c
tests_test_mpa_CFLAGS = $(iw_codec_test_cflags)
tests_test_mpa_LDADD = $(iw_codec_test_ldadd)

tests_test_ddp_SOURCES = tests/test_ddp.c
tests_test_ddp_CFLAGS = $(iw_codec_test_cflags)
tests_test_ddp_LDADD = $(iw_codec_test_ldadd)

tests_test_rdmap_SOURCES = tests/test_rdmap.c tests/test_rdmap_term.c
tests_test_rdmap_CFLAGS = $(iw_codec_test_cflags)
tests_test_rdmap_LDADD = $(iw_codec_test_ldadd)
