// SPDX-License-Identifier: Apache-2.0
// agent/trace/go_tracer.h: the tracer of Go's tests, a script that is written into the sandbox's view of the work tree.
//
// `go test` runs each package's test program by the script (GOFLAGS, -exec), built to count what runs of all packages
// (-coverpkg). The script first runs each test of the program by itself and keeps its profile, then the program as it
// was meant. A test that panics leaves no profile: nothing is known of what it ran.
// Source   "The cover story", go.dev/blog/cover; the lines of a profile are `file:line.column,line.column n count`.
#pragma once
#include <string_view>

namespace agent {

// graft_trace_go.sh
inline constexpr std::string_view kGoScript = R"SH(#!/bin/sh
program=$1
case $program in *.test) ;; *) exec "$@" ;; esac
(
  shift
  pattern=.
  for word do
    shift
    case $word in
      -test.run=*) pattern=${word#-test.run=} ;;
      -test.coverprofile=* | -test.gocoverdir=* | -test.testlogfile=* | -test.*profile=* | -test.trace=*) ;;
      -test.bench=* | -test.fuzz=* | -test.fuzzcachedir=* | -test.v* | -test.count=* | -test.list=*) ;;
      *) set -- "$@" "$word" ;;
    esac
  done
  # The profile names files by the module's path.
  folder=$PWD
  while [ ! -f "$folder/go.mod" ] && [ "$folder" != / ] && [ -n "$folder" ]; do folder=${folder%/*}; done
  module=$(sed -n 's/^module[ 	]*"\{0,1\}\([^ "	]*\).*/\1/p' "$folder/go.mod" | head -n 1)
  n=0
  trace() {
    [ "$(date +%s)" -lt "$GRAFT_TRACE_UNTIL_DATE" ] || return
    n=$((n + 1))
    to=$GRAFT_TRACE_OUT/go-$$-$n
    name=$1
    shift
    if said=$("$program" "$@" -test.v -test.run="^$name\$" -test.coverprofile="$to.new" 2>&1); then end=passed; else end=failed; fi
    case $said in *"--- SKIP: $name "*) rm -f "$to.new" ;; esac
    [ -s "$to.new" ] && grep -v ' 0$' "$to.new" | sed "s|^$module/|$folder/|" >"$to.$end"
    rm -f "$to.new"
  }
  all=$("$program" -test.list "${pattern%%/*}" | grep -E '^(Test|Example|Fuzz)')
  # Those that failed come first, however little time there is.
  first=$(printf '%s\n' "$GRAFT_TRACE_FAILING" | sed 's|/.*||; s|.*\.||' | sort -u)
  for name in $all; do case "
$first
" in *"
$name
"*) trace "$name" "$@" ;; esac; done
  for name in $all; do case "
$first
" in *"
$name
"*) ;; *) trace "$name" "$@" ;; esac; done
) >/dev/null 2>&1 </dev/null
exec "$@"
)SH";

}  // namespace agent
