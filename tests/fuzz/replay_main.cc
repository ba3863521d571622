// SPDX-License-Identifier: Apache-2.0
// Runs a fuzz target on the seeds of a folder, once each, and on the empty input. It fails when
// there are no seeds; a target that finds a fault aborts, after the name of the seed was printed.
#include <cstdint>
#include <cstdio>
#include <string>

#include "tests/fuzz/seed_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

int Fail(const absl::Status& status) {
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  return 1;
}

void Run(const std::string& input) {
  // SAFETY: unsigned char may alias any object.
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(input.data()), input.size());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
    return 2;
  }
  const auto seeds = marrow::ListSeeds(argv[1]);
  if (!seeds.ok()) return Fail(seeds.status());
  Run("");
  for (const auto& seed : *seeds) {
    std::fprintf(stderr, "%s\n", seed.c_str());
    const auto input = marrow::LoadSeed(seed);
    if (!input.ok()) return Fail(input.status());
    Run(*input);
  }
  std::fprintf(stderr, "%zu seeds\n", seeds->size());
  return 0;
}
