noinst_LTLIBRARIES += libiwnl.la
libiwnl_la_SOURCES = netlink/nl_link.h netlink/nl_neigh.h netlink/nl_route.h \
	netlink/nl_sock.h netlink/nl_sock.c netlink/nl_ip.h netlink/nl_ip.c \
	netlink/nl_addr.h netlink/nl_addr.c netlink/nl_topo.h netlink/nl_topo.c \
	netlink/nl_rdma.h netlink/nl_rdma.c netlink/nl_rdma_sysfs.c netlink/nl_rdma_driver.c \
	netlink/nl_route.c netlink/nl_neigh.c netlink/nl_link.c
libiwnl_la_CFLAGS = $(AM_CFLAGS) $(NL_CFLAGS)
libiwnl_la_LIBADD = $(NL_LIBS)
