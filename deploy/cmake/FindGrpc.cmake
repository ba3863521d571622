# SPDX-License-Identifier: Apache-2.0
# Debian's gRPC ships no CMake package: find it and protobuf with pkg-config.
# Defines Grpc::grpc++, Grpc::reflection, Grpc::error_details, Grpc::protobuf, and the variables
# Grpc_PROTOC, Grpc_CPP_PLUGIN.
find_package(PkgConfig REQUIRED)
pkg_check_modules(GRPCPP REQUIRED IMPORTED_TARGET grpc++)
pkg_check_modules(PROTOBUF REQUIRED IMPORTED_TARGET protobuf)
find_program(Grpc_PROTOC protoc)
find_program(Grpc_CPP_PLUGIN grpc_cpp_plugin)
find_library(Grpc_REFLECTION_LIBRARY grpc++_reflection)
find_library(Grpc_ERROR_DETAILS_LIBRARY grpc++_error_details)

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(Grpc REQUIRED_VARS Grpc_PROTOC Grpc_CPP_PLUGIN
  Grpc_REFLECTION_LIBRARY Grpc_ERROR_DETAILS_LIBRARY GRPCPP_FOUND PROTOBUF_FOUND)

if(Grpc_FOUND AND NOT TARGET Grpc::grpc++)
  add_library(Grpc::protobuf ALIAS PkgConfig::PROTOBUF)
  add_library(Grpc::grpc++ ALIAS PkgConfig::GRPCPP)
  add_library(Grpc::reflection UNKNOWN IMPORTED)
  # The reflection service registers itself from a static initialiser that nothing refers to.
  set_target_properties(Grpc::reflection PROPERTIES IMPORTED_LOCATION "${Grpc_REFLECTION_LIBRARY}")
  add_library(Grpc::error_details UNKNOWN IMPORTED)
  set_target_properties(Grpc::error_details PROPERTIES
    IMPORTED_LOCATION "${Grpc_ERROR_DETAILS_LIBRARY}")
endif()
