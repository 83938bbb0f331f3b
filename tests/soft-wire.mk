# What goes over the wire, as Wireshark reads it; wants the programs of tests/vm.mk.
TESTS += tests/soft/decode.sh
EXTRA_DIST += tests/soft/decode.sh
