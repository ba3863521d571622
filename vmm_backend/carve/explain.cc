// SPDX-License-Identifier: Apache-2.0
#include "vmm_backend/carve/explain.h"

#include "absl/strings/str_format.h"
#include "absl/time/time.h"

namespace marrow {
namespace {

double Kib(std::uint64_t bytes) { return static_cast<double>(bytes) / 1024; }

void ExplainRegions(const v1::Manifest& manifest, std::ostream& out) {
  out << absl::StreamFormat("%-36s %10s %10s\n", "REGION", "KIB", "CAPTURED");
  for (const v1::Region& region : manifest.regions()) {
    out << absl::StreamFormat("%-36s %10.1f %10.1f\n", region.name(), Kib(region.size_bytes()),
                              Kib(region.captured_bytes()));
  }
}

void ExplainRoots(const v1::Manifest& manifest, std::ostream& out) {
  out << absl::StreamFormat("%-36s %10s %10s  %s\n", "ROOT", "OBJECTS", "NEW KIB", "TRUNCATED");
  for (const v1::GraphRoot& root : manifest.graph_roots()) {
    out << absl::StreamFormat("%-36s %10d %10.1f  %s\n", root.name(), root.objects(),
                              Kib(root.captured_bytes()), root.truncated());
  }
}

}  // namespace

void Explain(const CapturedDump& dump, std::ostream& out) {
  const v1::Manifest& manifest = dump.manifest;
  ExplainRegions(manifest, out);
  out << '\n';
  ExplainRoots(manifest, out);
  out << "\nMISSING\n";
  for (const v1::Missing& missing : manifest.missing()) {
    out << absl::StreamFormat("%s %#x+%d: %s\n", missing.what(), missing.address(),
                              missing.size_bytes(), missing.why());
  }
  const auto& capture = manifest.stats().capture();
  out << absl::StreamFormat("\n%d pages, %.1f KiB; core of %.1f KiB; took %.1f ms\n",
                            dump.pages.size(), Kib(dump.pages.size() * 4096),
                            Kib(dump.layout.file_bytes),
                            static_cast<double>(capture.seconds()) * 1e3 + capture.nanos() / 1e6);
}

std::string WhyNoTable(const CapturedDump& dump) {
  for (const v1::Missing& missing : dump.manifest.missing()) {
    if (missing.what() == "derived region table") return missing.why();
  }
  return "no table could be derived";
}

}  // namespace marrow
