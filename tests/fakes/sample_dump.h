// SPDX-License-Identifier: Apache-2.0
// Dumps made up for tests: different for each number, the same on every call.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "marrow/v1/dump.pb.h"
#include "vmm_backend/base/sha256.h"

namespace marrow {

// A valid id; ids sort as their numbers do.
std::string SampleId(int number);

// A manifest that a store accepts. VMs are "vm-0" to "vm-4", hosts "host-0" to "host-2", by turns.
v1::Manifest SampleManifest(int number);

// A well-formed core of about `pages` pages, half of them noise and half text that compresses.
std::string SampleCore(std::uint64_t seed, std::size_t pages);

// A catalog entry for SampleManifest(number) that no blob backs.
v1::Dump SampleDump(int number);

// The digest as the protocol carries it.
std::string DigestText(const Sha256Digest& digest);

}  // namespace marrow
