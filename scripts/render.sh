# render.sh: fills in the templates below etc/; sourced by bash, never run.

# render TEMPLATE OUT KEY=VALUE...: @KEY@ becomes VALUE, but not in comments; "\n" in a value
# begins a new line.  TEMPLATE is a name below $etc.  Fails, and leaves OUT as it was, when
# the template cannot be read or names a key that was not given.
render() {
	local template=$1 out=$2 pair
	local -a edits=()
	shift 2
	for pair in "$@"; do
		edits+=(-e "/^#/!s|@${pair%%=*}@|${pair#*=}|g")
	done
	sed "${edits[@]}" "$etc/$template" >"$out.new" || return
	if grep -H '^[^#]*@[A-Z][A-Z]*@' "$out.new" >&2; then
		return 1
	fi
	mv "$out.new" "$out"
}
