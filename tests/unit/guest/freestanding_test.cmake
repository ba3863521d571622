# SPDX-License-Identifier: Apache-2.0
# The freestanding archive, linked into one object, needs nothing but what every compiler may assume.
execute_process(COMMAND ${LINKER} -r --whole-archive ${ARCHIVE} -o ${OBJECT} COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${NM} -u ${OBJECT} OUTPUT_VARIABLE undefined COMMAND_ERROR_IS_FATAL ANY)
string(REGEX REPLACE " +U (memcpy|memmove|memset|memcmp)\n" "" undefined "${undefined}")
if(undefined)
  message(FATAL_ERROR "undefined symbols in ${ARCHIVE}:\n${undefined}")
endif()
execute_process(COMMAND ${NM} --defined-only ${OBJECT} OUTPUT_VARIABLE defined COMMAND_ERROR_IS_FATAL ANY)
if(NOT defined MATCHES "Window")
  message(FATAL_ERROR "${ARCHIVE} does not hold the library")
endif()
