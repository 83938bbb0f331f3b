# `make bench` compares our library with the system's in the test guest (bench/run.sh).
EXTRA_DIST += bench/README.md bench/run.sh bench/guest.sh bench/table.awk bench/objects.awk

.PHONY: bench
bench: all check-progs
	cd $(srcdir) && bench/run.sh -b $(abs_builddir)
