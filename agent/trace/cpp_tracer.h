// SPDX-License-Identifier: Apache-2.0
// agent/trace/cpp_tracer.h: the tracer of programs in C and C++, scripts that are written into the sandbox's view.
//
// gcc looks for its compilers proper and its linker in the folders of COMPILER_PATH first, whatever build system calls
// it. Those here have code call __sanitizer_cov_trace_pc at the start of each block (-fsanitize-coverage=trace-pc) and
// add a runtime to what is linked (cpp_runtime.h, cpp_cases.h), which notes the places of these calls. After the check
// a reader (cpp_elf.h, cpp_lines.h) makes lines of them: each linked file is kept under the build id that it was given.
// What is only preprocessed, for another machine or without a C library is left as it is.
// Source   "Environment Variables Affecting GCC", "Instrumentation Options", gcc.gnu.org/onlinedocs/gcc
#pragma once
#include <string_view>

namespace agent {

// cc1, cc1plus, collect2
inline constexpr std::string_view kCompilerScript = R"SH(#!/bin/sh
# In the place of the compiler's own cc1, cc1plus and collect2: has programs tell which lines they run.
here=$(cd "${0%/*}" && pwd)
name=${0##*/}
compiler=${COLLECT_GCC:-gcc}
real=$(unset COMPILER_PATH && "$compiler" -print-prog-name="$name")
case $real in "$here"/*) exit 1 ;; /*) ;; *) exit 1 ;; esac

if [ "$name" != collect2 ]; then
  level=
  for word do
    case $word in
      -E | -m16 | -m32 | -mx32 | -ffreestanding) exec "$real" "$@" ;;
      -O | -O[123sz]) level='-Og -Wno-maybe-uninitialized' ;;  # lines stay apart
      -O*) level= ;;
    esac
  done
  exec "$real" "$@" -fsanitize-coverage=trace-pc -gdwarf-5 -g1 -fno-lto $level
fi

kind=PROGRAM has_c= to=a.out last=
for word do
  case $last$word in -r | *' -r' | -i | *' -i' | *--relocatable | '-m '*i386* | '-m '*32*) exec "$real" "$@" ;; esac
  case $last in '-o ') to=$word ;; esac
  last="$word "
done
for word do
  shift
  case $word in
    -shared | -Bshareable) kind=LIBRARY ;;
    -lc) has_c=1 ;;
    -s | -S | --strip-all | --strip-debug | --compress-debug-sections*) continue ;;
  esac
  set -- "$@" "$word"
done
[ -n "$has_c" ] || kind=NOTHING
if [ ! -f "$here/$kind.o" ]; then
  (unset COMPILER_PATH COLLECT_GCC_OPTIONS COLLECT_LTO_WRAPPER
    "$compiler" -x c -O2 -fPIC -w -D"$kind" -DOUT="\"$here\"" -c "$here/graft_trace_run.c" -o "$here/$kind.$$.o" &&
      mv "$here/$kind.$$.o" "$here/$kind.o" && printf '%s' "$compiler" >"$here/compiler") || exit 1
fi
id=$(date +%s%N)$$
[ $((${#id} % 2)) = 0 ] || id=${id}0
[ "$kind" != PROGRAM ] || set -- "$@" --wrap=_exit --wrap=_Exit --wrap=UnityDefaultTestRun \
  --export-dynamic-symbol=graft_trace_join --export-dynamic-symbol=graft_trace_hit
"$real" "$here/$kind.o" "$@" --build-id=0x"$id" || exit
ln "$to" "$here/$id.elf" 2>/dev/null || cp "$to" "$here/$id.elf"
)SH";

// begin, before the check
inline constexpr std::string_view kBuildBeginScript = R"SH(#!/bin/sh
# What was built before tells nothing: the sources that are to tell count as newer.
tr '\n' '\0' <"${0%/*}/sources" | xargs -0 -r touch -c -- 2>/dev/null
exit 0
)SH";

// report
inline constexpr std::string_view kBuildReportScript = R"SH(#!/bin/sh
# After the check: what the runs have left, as a tracer's report. $1: the tree, $2: not empty where the check was cut
cd "${0%/*}" || exit 1
here=$(pwd)
"$(cat compiler)" -x c -O1 -w graft_trace_lines.c -o lines || exit 1
./lines "$here" "$1" ${2:+cut} >../cpp.new && mv ../cpp.new ../cpp.json
)SH";

}  // namespace agent
