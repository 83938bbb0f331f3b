# The software device. Apart from libiwdriver.la, so that a test links what it tests.
noinst_LTLIBRARIES += libiwsoft.la
libiwsoft_la_SOURCES = \
	driver/soft/crc32c.c driver/soft/crc32c.h \
	driver/soft/ddp.c driver/soft/ddp.h \
	driver/soft/mpa.c driver/soft/mpa.h \
	driver/soft/rdmap.c driver/soft/rdmap.h driver/soft/rdmap_term.c \
	driver/soft/soft.h \
	driver/soft/soft_active.c driver/soft/soft_bind.c driver/soft/soft_bind.h \
	driver/soft/soft_port.c driver/soft/soft_port.h \
	driver/soft/soft_async.c driver/soft/soft_async.h \
	driver/soft/soft_cm.c driver/soft/soft_cm.h \
	driver/soft/soft_conn.c driver/soft/soft_conn.h \
	driver/soft/soft_channel.c \
	driver/soft/soft_cq.c driver/soft/soft_cq.h driver/soft/soft_cq_ex.c \
	driver/soft/soft_dev.c driver/soft/soft_dev.h \
	driver/soft/soft_dialect.h \
	driver/soft/soft_key.c driver/soft/soft_key.h \
	driver/soft/soft_fork.c driver/soft/soft_generation.c driver/soft/soft_fork.h \
	driver/soft/soft_guard.c driver/soft/soft_guard.h \
	driver/soft/soft_limit.c driver/soft/soft_limit.h \
	driver/soft/soft_linger.c \
	driver/soft/soft_listen.c driver/soft/soft_passive.c \
	driver/soft/soft_setup.c driver/soft/soft_setup.h \
	driver/soft/soft_share.c driver/soft/soft_share.h \
	driver/soft/soft_loop.c driver/soft/soft_loop.h \
	driver/soft/soft_methods.c \
	driver/soft/soft_mr.c driver/soft/soft_mr.h \
	driver/soft/soft_nudge.c driver/soft/soft_nudge.h \
	driver/soft/soft_pset.c driver/soft/soft_pset.h \
	driver/soft/soft_qp.c driver/soft/soft_qp.h \
	driver/soft/soft_qp_table.c driver/soft/soft_stream.c \
	driver/soft/soft_query.c \
	driver/soft/soft_rq.c driver/soft/soft_rq.h \
	driver/soft/soft_rx.c driver/soft/soft_rx.h \
	driver/soft/soft_rx_answer.c driver/soft/soft_rx_call.h \
	driver/soft/soft_rx_check.c driver/soft/soft_rx_end.c \
	driver/soft/soft_rx_place.c driver/soft/soft_rx_recv.c \
	driver/soft/soft_sq.c driver/soft/soft_sq.h \
	driver/soft/soft_stag.c driver/soft/soft_stag.h \
	driver/soft/soft_srq.c \
	driver/soft/soft_stall.c driver/soft/soft_stall.h \
	driver/soft/soft_timer.c \
	driver/soft/soft_turn.c driver/soft/soft_turn.h \
	driver/soft/soft_tx.c driver/soft/soft_tx.h \
	driver/soft/soft_tx_batch.c driver/soft/soft_tx_batch.h \
	driver/soft/soft_tx_cut.c driver/soft/soft_tx_cut.h \
	driver/soft/soft_verbs.c driver/soft/soft_verbs.h \
	driver/soft/soft_watch.c \
	driver/soft/soft_wr.c \
	driver/soft/wire.h
libiwsoft_la_CFLAGS = $(AM_CFLAGS) $(VERBS_CFLAGS)
