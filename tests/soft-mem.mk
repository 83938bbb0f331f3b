# Included by tests/local.mk.
