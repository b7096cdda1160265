# SPDX-License-Identifier: Apache-2.0
# Interface target `project_options`: include root, warnings as errors, sanitizers. Every target of ours links it PRIVATE.
include(Precompiled)
find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM)
  set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE_PROGRAM})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE_PROGRAM})
  if(GRAFT_PRECOMPILED)  # without these two it keeps nothing that reads a precompiled header
    set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros ${CCACHE_PROGRAM})
  endif()
endif()

add_library(project_options INTERFACE)
target_include_directories(project_options INTERFACE ${CMAKE_SOURCE_DIR})
# nvcc takes other flags: engine/cuda has its own.
target_compile_options(project_options INTERFACE "$<$<COMPILE_LANGUAGE:C,CXX>:-Wall;-Wextra;-Werror;-Wshadow;-Wcast-qual;-Wimplicit-fallthrough;-Wformat=2;-Wundef>"
  "$<$<COMPILE_LANGUAGE:CXX>:-Wnon-virtual-dtor;-Wold-style-cast;-Woverloaded-virtual>")
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # g++ 12 raises these falsely inside its own std::string and std::variant once it inlines (GCC bugs 105329, 105562, 105651).
  target_compile_options(project_options INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-Wno-restrict -Wno-maybe-uninitialized -Wno-stringop-overflow
    -Wno-stringop-overread -Wno-array-bounds -Wno-free-nonheap-object -Wno-dangling-pointer>)
endif()
# Paths in binaries and messages are relative to the source root, so builds in two folders are equal.
target_compile_options(project_options INTERFACE $<$<COMPILE_LANGUAGE:C,CXX>:-ffile-prefix-map=${CMAKE_SOURCE_DIR}/=>)
if(GRAFT_SANITIZE)
  target_compile_options(project_options INTERFACE -fsanitize=${GRAFT_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all
    $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)  # false alarms of g++ 12 in instrumented std::variant
  target_link_options(project_options INTERFACE -fsanitize=${GRAFT_SANITIZE})
endif()

graft_precompiled_kind(library LIBRARY)

# graft_library(name SOURCES... ): one static library per folder, in a namespace of the same name.
function(graft_library name)
  add_library(${name} STATIC ${ARGN})
  target_link_libraries(${name} PRIVATE project_options)
  target_include_directories(${name} PUBLIC ${CMAKE_SOURCE_DIR})
  graft_precompiled(${name} library)
endfunction()
