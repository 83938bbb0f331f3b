# Installed apart: the system's rdma/ headers are never overwritten.
# Compile against ours with -I$(includedir)/iwshim.
iwrdmaincdir = $(includedir)/iwshim/rdma
iwrdmainc_HEADERS = include/rdma/rdma_cma.h include/rdma/rdma_verbs.h
