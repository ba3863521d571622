// SPDX-License-Identifier: Apache-2.0
#include "tests/fakes/temporary_directory.h"

#include <cstdlib>
#include <filesystem>
#include <system_error>

namespace marrow {

TemporaryDirectory::TemporaryDirectory()
    : path_((std::filesystem::temp_directory_path() / "marrow-test-XXXXXX").string()) {
  if (::mkdtemp(path_.data()) == nullptr) std::abort();  // a test without a disk tests nothing
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code error;
  std::filesystem::remove_all(path_, error);  // a leftover in /tmp fails no test
}

}  // namespace marrow
