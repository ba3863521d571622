// SPDX-License-Identifier: Apache-2.0
// A child process stands in for the VMM: it maps memory, shared or private, and may be killed.
#include "vmm_backend/sys/process_memory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>

namespace marrow {
namespace {

using testing::HasSubstr;

constexpr std::uint64_t kRam = 64 << 20;

class Child {
 public:
  Child(int flags, int fd) {
    void* memory = ::mmap(nullptr, kRam, PROT_READ | PROT_WRITE, flags, fd, 0);
    EXPECT_NE(memory, MAP_FAILED);
    hva_ = reinterpret_cast<std::uint64_t>(memory);  // SAFETY: the child maps it at the same place
    std::memcpy(static_cast<char*>(memory) + 0x5000, "guest", 5);
    pid_ = ::fork();
    if (pid_ == 0) {
      for (;;) ::pause();
    }
    ::munmap(memory, kRam);
  }
  ~Child() { Kill(); }

  void Kill() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }
  pid_t pid() const { return pid_; }
  // RAM with a hole, as on x86: the second half at 4 GiB.
  std::vector<RamPlacement> Placements() const {
    return {{.range = {Gpa{0}, kRam / 2}, .hva = hva_},
            {.range = {Gpa{1ull << 32}, kRam / 2}, .hva = hva_ + kRam / 2}};
  }

 private:
  std::uint64_t hva_ = 0;
  pid_t pid_ = -1;
};

std::string Read(const GuestMemory& memory, std::uint64_t gpa, std::size_t count) {
  std::string out(count, '?');
  const absl::Status status = memory.Read(Gpa{gpa}, std::as_writable_bytes(std::span(out)));
  return status.ok() ? out : status.ToString();
}

class SharedMemory : public testing::Test {
 protected:
  SharedMemory() : file_(::memfd_create("ram", MFD_CLOEXEC)) {
    EXPECT_EQ(::ftruncate(file_.get(), kRam), 0);
  }
  std::int64_t AllocatedBytes() const {
    struct stat info {};
    EXPECT_EQ(::fstat(file_.get(), &info), 0);
    return info.st_blocks * 512;
  }
  UniqueFd file_;
};

TEST_F(SharedMemory, IsReadThroughItsFile) {
  Child child(MAP_SHARED, file_.get());
  const auto process = Process::Open(child.pid());
  ASSERT_TRUE(process.ok()) << process.status();
  const auto memory = ProcessMemory::Open(*process, child.Placements());
  ASSERT_TRUE(memory.ok()) << memory.status();
  EXPECT_TRUE((*memory)->outlives_process());
  EXPECT_EQ((*memory)->ram().bytes(), kRam);
  EXPECT_EQ(Read(**memory, 0x5000, 5), "guest");
}

TEST_F(SharedMemory, OutlivesItsProcess) {
  Child child(MAP_SHARED, file_.get());
  const auto process = Process::Open(child.pid());
  ASSERT_TRUE(process.ok());
  const auto memory = ProcessMemory::Open(*process, child.Placements());
  ASSERT_TRUE(memory.ok());
  EXPECT_FALSE(process->HasEnded());
  child.Kill();
  EXPECT_TRUE(process->HasEnded());
  EXPECT_EQ(Read(**memory, 0x5000, 5), "guest");
}

TEST_F(SharedMemory, StaysUnallocatedWhenItsHolesAreRead) {
  Child child(MAP_SHARED, file_.get());
  const auto process = Process::Open(child.pid());
  ASSERT_TRUE(process.ok());
  const auto memory = ProcessMemory::Open(*process, child.Placements());
  ASSERT_TRUE(memory.ok());
  const std::int64_t before = AllocatedBytes();
  EXPECT_EQ(Read(**memory, 1ull << 32, kRam / 2), std::string(kRam / 2, '\0'));
  EXPECT_EQ(AllocatedBytes(), before);
  EXPECT_LT(before, 1 << 20);
}

TEST_F(SharedMemory, RefusesWhatIsNotRam) {
  Child child(MAP_SHARED, file_.get());
  const auto process = Process::Open(child.pid());
  ASSERT_TRUE(process.ok());
  const auto memory = ProcessMemory::Open(*process, child.Placements());
  ASSERT_TRUE(memory.ok());
  EXPECT_THAT(Read(**memory, kRam / 2, 1), HasSubstr("OUT_OF_RANGE"));
  EXPECT_THAT(Read(**memory, kRam / 2 - 1, 2), HasSubstr("OUT_OF_RANGE"));
  EXPECT_THAT(Read(**memory, ~0ull, 1), HasSubstr("OUT_OF_RANGE"));
}

TEST(PrivateMemory, IsReadThroughTheProcessAndDiesWithIt) {
  Child child(MAP_PRIVATE | MAP_ANONYMOUS, -1);
  const auto process = Process::Open(child.pid());
  ASSERT_TRUE(process.ok());
  const auto memory = ProcessMemory::Open(*process, child.Placements());
  ASSERT_TRUE(memory.ok()) << memory.status();
  EXPECT_FALSE((*memory)->outlives_process());
  EXPECT_EQ(Read(**memory, 0x5000, 5), "guest");
  child.Kill();
  EXPECT_THAT(Read(**memory, 0x5000, 5), HasSubstr("memory-backend-memfd"));
}

TEST(SharedAnonymousMemory, IsReadThroughTheProcess) {
  Child child(MAP_SHARED | MAP_ANONYMOUS, -1);
  const auto process = Process::Open(child.pid());
  ASSERT_TRUE(process.ok());
  const auto memory = ProcessMemory::Open(*process, child.Placements());
  ASSERT_TRUE(memory.ok()) << memory.status();
  EXPECT_FALSE((*memory)->outlives_process());
  EXPECT_EQ(Read(**memory, 0x5000, 5), "guest");
}

TEST(ProcessTest, IsNotFoundWhenThereIsNone) { EXPECT_FALSE(Process::Open(0x3fffffff).ok()); }

}  // namespace
}  // namespace marrow
