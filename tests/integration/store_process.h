// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace marrow {

// A real marrow-store on a free loopback port. Killed with its object.
class StoreProcess {
 public:
  // Returns when the store says that it serves. Its stderr is the test's.
  static absl::StatusOr<std::unique_ptr<StoreProcess>> Start(const std::string& data_directory,
                                                             std::vector<std::string> flags = {});
  ~StoreProcess();
  StoreProcess(const StoreProcess&) = delete;
  StoreProcess& operator=(const StoreProcess&) = delete;

  const std::string& address() const { return address_; }
  // SIGKILL; returns when the process is gone.
  void Kill();
  // SIGTERM; the exit code, or 128 + the signal that ended it.
  int Terminate();
  // The most memory that was resident at any time so far.
  std::uint64_t PeakResidentBytes() const;

 private:
  StoreProcess(pid_t pid, std::string address) : pid_(pid), address_(std::move(address)) {}
  int Wait();

  pid_t pid_;
  std::string address_;
};

}  // namespace marrow
