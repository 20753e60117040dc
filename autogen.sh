#!/bin/sh
# Makes ./configure from configure.ac. Needs autoconf, automake and pkg-config.
set -e
cd "$(dirname "$0")"
mkdir -p build-aux m4
autoreconf --install --force -Wall
# autoconf sweeps away core dumps named "core"; here that is a folder of sources, and
# each attempt would print an error.
sed -i -e 's/rm -f core conftest/rm -f conftest/' \
	-e 's/rm -f core \*\.core core\.conftest/rm -f *.core core.conftest/' configure
