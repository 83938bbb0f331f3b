noinst_LTLIBRARIES += libiwbase.la
libiwbase_la_SOURCES = base/bytes.h base/caller.c base/caller.h base/cancel.h base/clock.h \
	base/device_choice.c base/device_choice.h \
	base/fault.c base/fault.h base/list.h \
	base/lock.c base/lock.h base/log.c base/log.h base/stall.c base/stall.h \
	base/verbs_entry.c base/verbs_entry.h \
	base/restart.c base/restart.h
