# SPDX-License-Identifier: Apache-2.0
# graft_fuzzer(name SOURCE fuzz_x.cc INSTRUMENT files... LIBS libraries... SEEDS files or folders...)
#   SOURCE      defines LLVMFuzzerTestOneInput
#   INSTRUMENT  sources of ours, from the root of the repository, compiled once more with the address and undefined-behaviour
#               sanitizers, for all fuzzers together; what they need beyond that comes from LIBS, as it is
#   SEEDS       well-formed inputs, from the root of the repository
# With -DGRAFT_FUZZ=ON and clang: a libFuzzer program, to run for as long as one likes. Otherwise: a program that runs the
# seeds and deterministic mutations of them for a few seconds, registered with ctest under its name.
#   graft_fuzzer(fuzz_gguf SOURCE fuzz_gguf.cc INSTRUMENT engine/formats/gguf.cc LIBS engine base SEEDS tests/data/engine/gguf)
set(fuzz_sanitizers address,undefined)
set(fuzz_code ${fuzz_sanitizers})
if(GRAFT_FUZZ)
  if(NOT CMAKE_CXX_COMPILER_ID MATCHES Clang)
    message(FATAL_ERROR "GRAFT_FUZZ needs clang: configure with -DCMAKE_CXX_COMPILER=clang++")
  endif()
  set(fuzz_sanitizers fuzzer,address,undefined)
  set(fuzz_code fuzzer-no-link,address,undefined)
endif()
if(NOT GRAFT_SANITIZE)  # else the whole build has its sanitizers, and two kinds do not mix
  set(fuzz_options -fsanitize=${fuzz_code} -fno-omit-frame-pointer -fno-sanitize-recover=all $<$<CONFIG:Release>:-O1>
    $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)  # false alarms of g++ 12 in instrumented std::variant
  if(NOT GRAFT_FUZZ)  # a quarter of the time to build; the address sanitizer sees what their like leads to
    list(APPEND fuzz_options -fno-sanitize=null,vptr,object-size)
  endif()
endif()
graft_precompiled_kind(fuzz LIBRARY ${fuzz_options})

# The object of one source with the sanitizers: made once, whichever fuzzers ask for it.
function(graft_fuzz_object result source)
  file(RELATIVE_PATH path ${CMAKE_SOURCE_DIR} ${source})
  string(MAKE_C_IDENTIFIER "instrumented_${path}" object)
  if(NOT TARGET ${object})
    add_library(${object} OBJECT EXCLUDE_FROM_ALL ${source})
    target_link_libraries(${object} PRIVATE project_options ${ARGN})
    target_compile_options(${object} PRIVATE ${fuzz_options})
    graft_precompiled(${object} fuzz)
  endif()
  set(${result} $<TARGET_OBJECTS:${object}> PARENT_SCOPE)
endfunction()

function(graft_fuzzer name)
  cmake_parse_arguments(F "" "SOURCE" "INSTRUMENT;LIBS;SEEDS" ${ARGN})
  list(TRANSFORM F_INSTRUMENT PREPEND ${CMAKE_SOURCE_DIR}/)
  list(TRANSFORM F_SEEDS PREPEND ${CMAKE_SOURCE_DIR}/)
  list(PREPEND F_INSTRUMENT ${CMAKE_CURRENT_SOURCE_DIR}/${F_SOURCE})
  if(NOT GRAFT_FUZZ)
    list(APPEND F_INSTRUMENT ${CMAKE_SOURCE_DIR}/fuzz/standalone_main.cc)
  endif()
  foreach(source ${F_INSTRUMENT})
    graft_fuzz_object(object ${source} ${F_LIBS})
    list(APPEND objects ${object})
  endforeach()
  add_executable(${name} ${objects})
  set_target_properties(${name} PROPERTIES LINKER_LANGUAGE CXX)
  target_link_libraries(${name} PRIVATE project_options ${F_LIBS})
  if(NOT GRAFT_FUZZ)
    add_test(NAME ${name} COMMAND ${name} --seconds 3 ${F_SEEDS})
    set_tests_properties(${name} PROPERTIES TIMEOUT 300)
  endif()
  if(NOT GRAFT_SANITIZE)
    target_link_options(${name} PRIVATE -fsanitize=${fuzz_sanitizers})
  endif()
endfunction()
