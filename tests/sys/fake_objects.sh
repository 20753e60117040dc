#!/bin/bash
# An object store of one folder, behind the command line of ragpool-objects: what the tests of
# a fleet need of it.  The folder is $FAKE_OBJECTS; FAKE_OBJECTS_FAIL=1 in a file of that name
# there makes every fetch fail.  Each call leaves a line in $FAKE_OBJECTS/calls.
set -eu
verb=$1
shift
while [ $# -gt 1 ]; do
	case $1 in
	--data) data=$2 ;;
	--tenant) tenant=$2 ;;
	--generation) generation=$2 ;;
	esac
	shift 2
done
echo "$verb $tenant $generation" >>"$FAKE_OBJECTS/calls"
here=$data/tenants/$tenant/gen
there=$FAKE_OBJECTS/$tenant
if [ "$verb" = publish ]; then
	mkdir -p "$there"
	[ -d "$there/$generation" ] || cp -rp "$here/$generation" "$there/"
else
	if [ -e "$FAKE_OBJECTS/fail" ] || [ ! -d "$there/$generation" ]; then
		echo '{"error": {"code": "not_found", "message": "the store has no such generation"}}'
		exit 66
	fi
	mkdir -p "$here"
	cp -rp "$there/$generation" "$here/.tmp-$$-fetch"
	mv -T "$here/.tmp-$$-fetch" "$here/$generation"
fi
printf '{"generation": "%s"}\n' "$generation"
