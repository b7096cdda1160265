# SPDX-License-Identifier: Apache-2.0
# graft_test(name SOURCES... LIBS...): one doctest program, registered with ctest under its name.
#   graft_test(tools_test SOURCES edit_test.cc LIBS tools)
add_library(doctest_main STATIC ${CMAKE_SOURCE_DIR}/tests/support/doctest_main.cc)
target_link_libraries(doctest_main PUBLIC doctest::doctest)
# What is tested is compiled as users run it; the tests themselves need not be fast.
set(test_options $<$<AND:$<CONFIG:Release>,$<COMPILE_LANGUAGE:CXX>>:-O1>)
graft_precompiled_kind(test PROGRAM ${test_options})

function(graft_test name)
  cmake_parse_arguments(T "" "" "SOURCES;LIBS" ${ARGN})
  add_executable(${name} ${T_SOURCES})
  target_link_libraries(${name} PRIVATE project_options doctest_main ${T_LIBS})
  target_compile_options(${name} PRIVATE ${test_options})
  graft_precompiled(${name} test)
  # Where tests find their data and the built binaries.
  target_compile_definitions(${name} PRIVATE GRAFT_SOURCE_DIR="${CMAKE_SOURCE_DIR}" GRAFT_BINARY_DIR="${CMAKE_BINARY_DIR}")
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES TIMEOUT 300)
endfunction()
