noinst_LTLIBRARIES += libiwcm.la
libiwcm_la_SOURCES = iwcm-core/iw_cm.h iwcm-core/iw_driver.h iwcm-core/iw_id.h \
	iwcm-core/iw_addr.c \
	iwcm-core/iw_conn.c iwcm-core/iw_conn.h iwcm-core/iw_conn_event.c \
	iwcm-core/iw_credit.c iwcm-core/iw_credit.h \
	iwcm-core/iw_establish.c iwcm-core/iw_establish.h \
	iwcm-core/iw_event.c iwcm-core/iw_event.h \
	iwcm-core/iw_member.c iwcm-core/iw_member.h \
	iwcm-core/iw_pool.c iwcm-core/iw_pool.h \
	iwcm-core/iw_qp.c iwcm-core/iw_qp.h \
	iwcm-core/iw_ref.c iwcm-core/iw_ref.h \
	iwcm-core/iw_state.c iwcm-core/iw_state.h \
	iwcm-core/iw_stats.c iwcm-core/iw_stats.h
