noinst_LTLIBRARIES += libiwcm.la
libiwcm_la_SOURCES = iwcm-core/iw_cm.h iwcm-core/iw_driver.h
