noinst_LTLIBRARIES += libiwdriver.la
libiwdriver_la_SOURCES = driver/registry.h driver/kernel/kdev.h
libiwdriver_la_CFLAGS = $(AM_CFLAGS) $(VERBS_CFLAGS)
libiwdriver_la_LIBADD = $(VERBS_LIBS)
