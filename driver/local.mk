noinst_LTLIBRARIES += libiwdriver.la
libiwdriver_la_SOURCES = driver/registry.c driver/registry.h \
	driver/kernel/kattr.c driver/kernel/kattr.h \
	driver/kernel/kconn.c driver/kernel/kconn.h \
	driver/kernel/kdev.c driver/kernel/kdev.h \
	driver/kernel/kevent.c driver/kernel/kevent.h \
	driver/kernel/kfork.c driver/kernel/kfork.h \
	driver/kernel/khandle.c driver/kernel/khandle.h \
	driver/kernel/kid.c driver/kernel/kid.h \
	driver/kernel/kmember.c driver/kernel/kmember.h \
	driver/kernel/kpark.c driver/kernel/kpark.h \
	driver/kernel/kqp.c driver/kernel/kqp.h \
	driver/kernel/kquery.c driver/kernel/kquery.h \
	driver/kernel/kservice.c driver/kernel/kservice.h \
	driver/kernel/ucma.c driver/kernel/ucma.h driver/kernel/ucma_abi.h
libiwdriver_la_CFLAGS = $(AM_CFLAGS) $(VERBS_CFLAGS)
