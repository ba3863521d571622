# SPDX-License-Identifier: Apache-2.0
# How a target of this project is declared: one per folder, its PUBLIC links are the dependency rule.
find_package(Threads REQUIRED)

set(MARROW_WARNINGS -Wall -Wextra -Werror -Wshadow -Wconversion -Wnon-virtual-dtor -Woverloaded-virtual)
# Clang's -Wconversion brings -Wsign-conversion along, g++'s does not: one rule for both.
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  list(APPEND MARROW_WARNINGS -Wno-sign-conversion)
endif()

function(marrow_configure target)
  target_compile_options(${target} PRIVATE $<$<COMPILE_LANGUAGE:CXX>:${MARROW_WARNINGS}>
    $<$<COMPILE_LANGUAGE:C>:-Wall;-Wextra;-Werror;-Wshadow;-Wconversion>)
  target_include_directories(${target} PUBLIC "${CMAKE_SOURCE_DIR}")
  if(MARROW_SANITIZE)
    target_compile_options(${target} PRIVATE -fsanitize=${MARROW_SANITIZE}
      -fno-sanitize-recover=all -fno-omit-frame-pointer)
    target_link_options(${target} PUBLIC -fsanitize=${MARROW_SANITIZE})
  endif()
  if(MARROW_FUZZ)
    target_compile_options(${target} PRIVATE -fsanitize=fuzzer-no-link)
  endif()
endfunction()

# marrow_library(NAME SOURCES a.cc ... [PUBLIC lib ...] [PRIVATE lib ...])
function(marrow_library target)
  cmake_parse_arguments(ARG "" "" "SOURCES;PUBLIC;PRIVATE" ${ARGN})
  add_library(${target} STATIC ${ARG_SOURCES})
  marrow_configure(${target})
  target_link_libraries(${target} PUBLIC ${ARG_PUBLIC} PRIVATE ${ARG_PRIVATE})
endfunction()

# marrow_program(NAME SOURCES a.cc ... [LINKS lib ...]): an executable in build/<preset>/bin.
function(marrow_program target)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINKS" ${ARGN})
  add_executable(${target} ${ARG_SOURCES})
  marrow_configure(${target})
  target_link_libraries(${target} PRIVATE ${ARG_LINKS})
  set_target_properties(${target} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")
endfunction()

# marrow_test(NAME SOURCES a_test.cc ... [LINKS lib ...] [LABELS label ...]): a GoogleTest program.
function(marrow_test target)
  cmake_parse_arguments(ARG "" "TIMEOUT" "SOURCES;LINKS;LABELS" ${ARGN})
  add_executable(${target} ${ARG_SOURCES})
  marrow_configure(${target})
  target_link_libraries(${target} PRIVATE ${ARG_LINKS} GTest::gmock_main)
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  if(NOT ARG_LABELS)
    set(ARG_LABELS unit)
  endif()
  add_test(NAME ${target} COMMAND ${target})
  set_tests_properties(${target} PROPERTIES TIMEOUT ${ARG_TIMEOUT} LABELS "${ARG_LABELS}")
endfunction()
