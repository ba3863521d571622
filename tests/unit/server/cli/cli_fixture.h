// SPDX-License-Identifier: Apache-2.0
// Runs the command line in this process against a fake store.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "server/cli/cli.h"
#include "tests/fakes/fake_dumps_service.h"
#include "tests/fakes/temporary_directory.h"
#include "vmm_backend/posix/file_system.h"

namespace marrow::cli {

struct Outcome {
  ExitCode code;
  std::string out;
  std::string err;
};

inline constexpr char kFirstId[] = "01jd0000000000000000000001";
inline constexpr char kSecondId[] = "01jd0000000000000000000002";

// A dump with every field that the commands print, the same each time.
v1::Dump SampleDump();

class CliTest : public testing::Test {
 protected:
  Outcome Run(std::vector<std::string> arguments);
  std::string Path(const std::string& name) const { return directory_.path() + "/" + name; }
  std::string Contents(const std::string& path);

  FakeDumpsService store_;
  TemporaryDirectory directory_;
  std::unique_ptr<FileSystem> files_ = MakePosixFileSystem();
  std::map<std::string, std::string> variables_;
  bool show_progress_ = false;
  std::vector<std::string> executed_;  // the command that `marrow crash` became
};

}  // namespace marrow::cli
