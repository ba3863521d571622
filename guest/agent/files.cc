// SPDX-License-Identifier: Apache-2.0
#include "guest/agent/files.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "guest/agent/unique_fd.h"

namespace marrow::agent {

using profile::Failure;

Result<std::string> ReadFile(const std::string& path) {
  const UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.ok()) return Failure{path + ": " + std::strerror(errno)};
  std::string text;
  constexpr std::size_t kChunk = 1 << 16;
  for (;;) {
    const std::size_t filled = text.size();
    text.resize(filled + kChunk);
    const ssize_t got = read(file.get(), text.data() + filled, kChunk);
    const int error = errno;
    text.resize(filled + (got > 0 ? static_cast<std::size_t>(got) : 0));
    if (got < 0 && error != EINTR) return Failure{path + ": " + std::strerror(error)};
    if (got == 0) return text;
  }
}

}  // namespace marrow::agent
