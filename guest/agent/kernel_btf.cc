// SPDX-License-Identifier: Apache-2.0
#include "guest/agent/kernel_btf.h"

#include <algorithm>
#include <filesystem>
#include <span>
#include <system_error>
#include <utility>

#include "guest/agent/files.h"
#include "guest/profile/btf.h"

namespace marrow::agent {

using profile::Btf;
using profile::Failure;
using profile::KernelTypes;
using profile::Result;
namespace {

constexpr const char* kVmlinux = "vmlinux";

std::span<const std::byte> BytesOf(const std::string& text) {
  return std::as_bytes(std::span<const char>(text));
}

// The names of the modules that have BTF, sorted so that two runs see the same types first.
std::vector<std::string> ModuleNames(const std::string& folder) {
  std::vector<std::string> names;
  std::error_code error;
  std::filesystem::directory_iterator entry(folder, error);
  for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (name != kVmlinux) names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

Result<Btf> ReadVmlinux(const std::string& folder) {
  const std::string path = folder + "/" + kVmlinux;
  const auto bytes = ReadFile(path);
  if (!bytes.ok()) return bytes.failure();
  auto types = Btf::Parse(BytesOf(*bytes));
  if (!types.ok()) return Failure{path + ": " + types.error()};
  return types;
}

}  // namespace

std::unique_ptr<KernelTypes> LoadTypes(const std::string& root, std::vector<std::string>* losses) {
  const std::string folder = root + "/sys/kernel/btf";
  auto types = ReadVmlinux(folder);
  if (!types.ok()) {
    losses->push_back(
        types.error() +
        ". Without BTF nothing can be followed from structure to structure: tasks and their stacks "
        "are lost, only listed regions are published (needs CONFIG_DEBUG_INFO_BTF)");
    return std::make_unique<profile::NoTypes>();
  }
  for (const std::string& name : ModuleNames(folder)) {
    const auto bytes = ReadFile(folder + "/" + name);
    const std::string wrong = bytes.ok() ? types->AddModule(BytesOf(*bytes)) : bytes.error();
    if (!wrong.empty()) losses->push_back("the types of module " + name + " are lost: " + wrong);
  }
  return std::make_unique<Btf>(std::move(*types));
}

}  // namespace marrow::agent
