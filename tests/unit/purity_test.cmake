# SPDX-License-Identifier: Apache-2.0
# A pure library asks the outside world for nothing: ARCHIVE has no undefined symbol of an I/O function.
# cmake -DNM=nm -DARCHIVE=lib.a -P purity_test.cmake
execute_process(COMMAND "${NM}" -u "${ARCHIVE}" OUTPUT_VARIABLE symbols RESULT_VARIABLE status)
if(NOT status EQUAL 0 OR symbols STREQUAL "")
  message(FATAL_ERROR "nm -u ${ARCHIVE} failed or printed nothing")
endif()
set(io "open|openat|creat|read|pread|readv|write|pwrite|writev|close|fopen|fread|fwrite|fsync|fdatasync")
string(APPEND io "|ioctl|mmap|socket|connect|bind|listen|accept|send|sendmsg|recv|recvmsg|poll|select")
string(APPEND io "|rename|unlink|mkdir|stat|fstat|opendir|getenv|time|clock_gettime|gettimeofday")
string(APPEND io "|getrandom|rand|random|fork|execve|kill|system|sleep|nanosleep|usleep|printf|puts")
string(REGEX MATCHALL " U (${io})(64)?(@[^\n]*)?\n" found "${symbols}")
if(found)
  message(FATAL_ERROR "${ARCHIVE} is to be pure, yet uses:\n${found}")
endif()
