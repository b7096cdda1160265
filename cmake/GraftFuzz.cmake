# SPDX-License-Identifier: Apache-2.0
# graft_fuzzer(name SOURCE fuzz_x.cc INSTRUMENT files... LIBS libraries... SEEDS files or folders...)
#   SOURCE      defines LLVMFuzzerTestOneInput
#   INSTRUMENT  sources of ours, from the root of the repository, compiled once more into this program with the address and
#               undefined-behaviour sanitizers; what they need beyond that comes from LIBS, as it is
#   SEEDS       well-formed inputs, from the root of the repository
# With -DGRAFT_FUZZ=ON and clang: a libFuzzer program, to run for as long as one likes. Otherwise: a program that runs the
# seeds and deterministic mutations of them for a few seconds, registered with ctest under its name.
#   graft_fuzzer(fuzz_gguf SOURCE fuzz_gguf.cc INSTRUMENT engine/formats/gguf.cc LIBS engine base SEEDS tests/data/engine/gguf)
function(graft_fuzzer name)
  cmake_parse_arguments(F "" "SOURCE" "INSTRUMENT;LIBS;SEEDS" ${ARGN})
  list(TRANSFORM F_INSTRUMENT PREPEND ${CMAKE_SOURCE_DIR}/)
  list(TRANSFORM F_SEEDS PREPEND ${CMAKE_SOURCE_DIR}/)
  add_executable(${name} ${F_SOURCE} ${F_INSTRUMENT})
  target_link_libraries(${name} PRIVATE project_options ${F_LIBS})
  set(sanitizers address,undefined)
  if(GRAFT_FUZZ)
    if(NOT CMAKE_CXX_COMPILER_ID MATCHES Clang)
      message(FATAL_ERROR "GRAFT_FUZZ needs clang: configure with -DCMAKE_CXX_COMPILER=clang++")
    endif()
    set(sanitizers fuzzer,address,undefined)
  else()
    target_sources(${name} PRIVATE ${CMAKE_SOURCE_DIR}/fuzz/standalone_main.cc)
    add_test(NAME ${name} COMMAND ${name} --seconds 3 ${F_SEEDS})
    set_tests_properties(${name} PROPERTIES TIMEOUT 300)
  endif()
  if(NOT GRAFT_SANITIZE)  # else the whole build has its sanitizers, and two kinds do not mix
    target_compile_options(${name} PRIVATE -fsanitize=${sanitizers} -fno-omit-frame-pointer -fno-sanitize-recover=all
      $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)  # false alarms of g++ 12 in instrumented std::variant
    target_link_options(${name} PRIVATE -fsanitize=${sanitizers})
  endif()
endfunction()
