# Fuzz targets, built with ./configure --enable-fuzz CC=clang and run by
# fuzz/run.sh. A new one brings fuzz/fuzz_<name>.c, its lines below and seeds in
# fuzz/corpus/fuzz_<name>/; run.sh finds it by its source.
EXTRA_DIST += fuzz/run.sh fuzz/corpus
if IW_FUZZ
iw_fuzz_ldflags = $(AM_LDFLAGS) -fsanitize=fuzzer

noinst_PROGRAMS += fuzz/fuzz_mpa
fuzz_fuzz_mpa_SOURCES = fuzz/fuzz_mpa.c fuzz/fuzz.h
fuzz_fuzz_mpa_LDFLAGS = $(iw_fuzz_ldflags)
fuzz_fuzz_mpa_LDADD = libiwsoft.la libiwbase.la

noinst_PROGRAMS += fuzz/fuzz_rdmap
fuzz_fuzz_rdmap_SOURCES = fuzz/fuzz_rdmap.c fuzz/fuzz.h
fuzz_fuzz_rdmap_LDFLAGS = $(iw_fuzz_ldflags)
fuzz_fuzz_rdmap_LDADD = libiwsoft.la libiwbase.la

noinst_PROGRAMS += fuzz/fuzz_rx
fuzz_fuzz_rx_SOURCES = fuzz/fuzz_rx.c fuzz/fuzz.h
fuzz_fuzz_rx_CFLAGS = $(AM_CFLAGS) $(VERBS_CFLAGS)
fuzz_fuzz_rx_LDFLAGS = $(iw_fuzz_ldflags)
fuzz_fuzz_rx_LDADD = libiwsoft.la libiwbase.la

noinst_PROGRAMS += fuzz/fuzz_setup
fuzz_fuzz_setup_SOURCES = fuzz/fuzz_setup.c fuzz/fuzz.h
fuzz_fuzz_setup_CFLAGS = $(AM_CFLAGS) $(VERBS_CFLAGS)
fuzz_fuzz_setup_LDFLAGS = $(iw_fuzz_ldflags)
fuzz_fuzz_setup_LDADD = libiwsoft.la libiwbase.la
endif
