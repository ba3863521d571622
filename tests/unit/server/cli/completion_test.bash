#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Completes command lines with deploy/completion/marrow.bash while `marrow` is a server's worst answer.
# Usage: completion_test.bash REPOSITORY
set -u

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export MARKER=$scratch/executed

cat >"$scratch/marrow" <<'FAKE'
#!/bin/bash
case "$*" in
  *"dumps list"*)
    printf '%s\n' 01jd0000000000000000000001 01jd0000000000000000000002 '$(touch${IFS}$MARKER)' \
      '`touch $MARKER`' '01jd000000000000000000000$(' '01jd0000000000000000000003;x' '~' ''
    ;;
  *vms*)
    printf '%s\n' 'VM                      STATUS' 'web1                    running' \
      'db-2.prod               running' '$(touch${IFS}$MARKER)   running' \
      '`touch${IFS}$MARKER`    running' '--json                  running' \
      'two words               running' '3 dumps, 1.0 MiB, wait in the spool'
    ;;
esac
FAKE
chmod +x "$scratch/marrow"
PATH=$scratch:$PATH

# shellcheck source=deploy/completion/marrow.bash
source "$1/deploy/completion/marrow.bash"

failures=0
# expect "COMPLETIONS" WORD...: the last word is the one being completed.
expect() {
  local expected=$1
  shift
  COMP_WORDS=(marrow "$@")
  COMP_CWORD=$#
  _marrow
  if [[ ${COMPREPLY[*]-} != "$expected" ]]; then
    printf 'marrow %s\n  gives    %s\n  expected %s\n' "$*" "${COMPREPLY[*]-}" "$expected"
    failures=$((failures + 1))
  fi
}

ids="01jd0000000000000000000001 01jd0000000000000000000002"
expect "dumps vms capture crash" ""
expect "capture crash" c
expect "list log" dumps l
expect "$ids" dumps show ""
expect "$ids" dumps delete 01jd
expect "01jd0000000000000000000002" --store host : 7070 dumps fetch 01jd0000000000000000000002
expect "" dumps show 01jd0000000000000000000001 ""
expect "$ids" dumps delete 01jd0000000000000000000001 ""
expect "web1 db-2.prod" capture ""
expect "web1" capture w
expect "" capture '`'
expect "--gpa --gva" dumps read --g
expect "host" dumps list --order-by h
expect "" dumps list --filter ""

if [[ -e $MARKER ]]; then
  echo "completion executed a command of the server's"
  failures=$((failures + 1))
fi
exit $((failures > 0))
