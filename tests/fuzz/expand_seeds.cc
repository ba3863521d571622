// SPDX-License-Identifier: Apache-2.0
// expand_seeds FROM TO: writes the inputs that the seeds of FROM stand for into TO, for libFuzzer.
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "tests/fuzz/seed_file.h"

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: %s FROM TO\n", argv[0]);
    return 2;
  }
  const auto seeds = marrow::ListSeeds(argv[1]);
  if (!seeds.ok()) {
    std::fprintf(stderr, "%s\n", seeds.status().ToString().c_str());
    return 1;
  }
  std::filesystem::create_directories(argv[2]);
  for (const auto& seed : *seeds) {
    const auto input = marrow::LoadSeed(seed);
    const auto to = std::filesystem::path(argv[2]) / seed.filename();
    std::ofstream out(to, std::ios::binary);
    if (input.ok()) out << *input;
    out.close();
    if (!input.ok() || !out) {
      std::fprintf(stderr, "%s: %s\n", seed.c_str(), input.status().ToString().c_str());
      return 1;
    }
  }
  return 0;
}
