# SPDX-License-Identifier: Apache-2.0
# graft_precompiled(target KIND): the standard headers that most files include, parsed once for all targets of a kind.
#
# A kind is a set of code generation flags, which have to be equal: `library`, `test` or `fuzz`. Every file still includes
# what it uses; a build with -DGRAFT_PRECOMPILED=OFF shows one that does not.
option(GRAFT_PRECOMPILED "Parse the standard headers once" ON)
set(precompiled_headers <algorithm> <array> <chrono> <cmath> <cstdint> <filesystem> <functional> <map> <memory> <mutex> <optional> <set>
  <span> <stop_token> <string> <string_view> <thread> <unordered_map> <variant> <vector>)

# graft_precompiled_kind(KIND PROGRAM|LIBRARY OPTIONS... ): libraries and programs are compiled apart (-fPIC, -fPIE).
function(graft_precompiled_kind kind type)
  if(NOT GRAFT_PRECOMPILED)
    return()
  endif()
  file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/precompiled.cc CONTENT "int main() {}\n")
  if(type STREQUAL "PROGRAM")
    add_executable(precompiled_${kind} EXCLUDE_FROM_ALL ${CMAKE_BINARY_DIR}/precompiled.cc)
  else()
    add_library(precompiled_${kind} STATIC EXCLUDE_FROM_ALL ${CMAKE_BINARY_DIR}/precompiled.cc)
  endif()
  target_link_libraries(precompiled_${kind} PRIVATE project_options)
  target_compile_options(precompiled_${kind} PRIVATE ${ARGN})
  target_precompile_headers(precompiled_${kind} PRIVATE ${precompiled_headers})
endfunction()

function(graft_precompiled target kind)
  if(GRAFT_PRECOMPILED)
    target_precompile_headers(${target} REUSE_FROM precompiled_${kind})
  endif()
endfunction()
