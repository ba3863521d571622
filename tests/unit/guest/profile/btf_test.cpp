// SPDX-License-Identifier: Apache-2.0
// BTF as libbpf writes it, read by our own reader; and BTF that nobody should have written.
#include "guest/profile/btf.h"

#include <bpf/btf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <vector>

namespace marrow::profile {
namespace {

using testing::HasSubstr;

class Writer {
 public:
  explicit Writer(const Writer* base = nullptr)
      : types_(base == nullptr ? btf__new_empty() : btf__new_empty_split(base->types_.get())) {}

  btf* get() const { return types_.get(); }
  int Int(const char* name, std::size_t bytes) { return btf__add_int(get(), name, bytes, 0); }
  int Pointer(int target) { return btf__add_ptr(get(), target); }
  int Array(int element, std::uint32_t count) {
    return btf__add_array(get(), element, element, count);
  }
  int Struct(const char* name, std::uint32_t bytes) { return btf__add_struct(get(), name, bytes); }
  // To the structure or union that was added last.
  void Field(const char* name, int type, std::uint32_t bit_offset, std::uint32_t bits = 0) {
    ASSERT_EQ(btf__add_field(get(), name, type, bit_offset, bits), 0);
  }
  std::vector<std::byte> Bytes() const {
    std::uint32_t size = 0;
    const auto* data = static_cast<const std::byte*>(btf__raw_data(get(), &size));
    return {data, data + size};
  }
  Btf Read() const {
    auto types = Btf::Parse(Bytes());
    EXPECT_TRUE(types.ok()) << types.error();
    return std::move(*types);
  }

 private:
  struct Free {
    void operator()(btf* types) const { btf__free(types); }
  };
  std::unique_ptr<btf, Free> types_;
};

struct Kernel : Writer {
  Kernel() {
    number = Int("int", 4);
    peer = Struct("peer", 16);
    Field("a", number, 0);
    Field("b", number, 64);
    peer_pointer = Pointer(btf__add_const(get(), peer));
  }
  int number = 0;
  int peer = 0;
  int peer_pointer = 0;
};

void ExpectMember(const Btf& types, const char* path, std::uint64_t offset, std::uint64_t bytes,
                  std::uint64_t count, bool pointer, const char* type) {
  const auto member = types.Find("thing", path);
  ASSERT_TRUE(member) << path;
  EXPECT_EQ(member->offset, offset) << path;
  EXPECT_EQ(member->bytes, bytes) << path;
  EXPECT_EQ(member->count, count) << path;
  EXPECT_EQ(member->pointer, pointer) << path;
  EXPECT_EQ(member->type, type) << path;
}

TEST(BtfTypes, FindMembersOfEveryForm) {
  Kernel k;
  const int alias = btf__add_typedef(k.get(), "peer_t", k.peer);
  const int grid = k.Array(k.Array(k.number, 3), 2);
  const int flexible = k.Array(k.peer, 0);
  const int row = k.Array(alias, 4);
  const int pointers = k.Array(k.peer_pointer, 5);
  const int unknown = k.Pointer(btf__add_fwd(k.get(), "hidden", BTF_FWD_STRUCT));
  const int anything = k.Pointer(0);
  k.Struct("thing", 512);
  k.Field("number", k.number, 32);
  k.Field("pointer", k.peer_pointer, 64);
  k.Field("inner", alias, 128);
  k.Field("grid", grid, 256);
  k.Field("row", row, 512);
  k.Field("pointers", pointers, 1024);
  k.Field("hidden", unknown, 2048);
  k.Field("anything", anything, 2112);
  k.Field("tail", flexible, 4096);
  const Btf types = k.Read();
  ExpectMember(types, "number", 4, 4, 1, false, "");
  ExpectMember(types, "pointer", 8, 8, 1, true, "peer");
  ExpectMember(types, "inner", 16, 16, 1, false, "peer");
  ExpectMember(types, "inner.b", 24, 4, 1, false, "");
  ExpectMember(types, "grid", 32, 4, 6, false, "");
  ExpectMember(types, "row", 64, 16, 4, false, "peer");
  ExpectMember(types, "row.b", 72, 4, 1, false, "");
  ExpectMember(types, "row[2].b", 104, 4, 1, false, "");
  ExpectMember(types, "row[3]", 112, 16, 1, false, "peer");
  ExpectMember(types, "pointers", 128, 8, 5, true, "peer");
  ExpectMember(types, "hidden", 256, 8, 1, true, "hidden");
  ExpectMember(types, "anything", 264, 8, 1, true, "");
  ExpectMember(types, "tail", 512, 16, 0, false, "peer");
}

TEST(BtfTypes, RefuseWhatIsNoMember) {
  Kernel k;
  const int row = k.Array(k.number, 4);
  k.Struct("thing", 64);
  k.Field("pointer", k.peer_pointer, 0);
  k.Field("row", row, 64);
  const Btf types = k.Read();
  for (const char* path : {"", ".", "none", "pointer.a", "pointer.", ".pointer", "row[4]", "row[",
                           "row[]", "row[-1]", "row[x]", "pointer[0]", "[0]", "row.x"}) {
    EXPECT_FALSE(types.Find("thing", path)) << path;
  }
  EXPECT_FALSE(types.Find("none", "pointer"));
  EXPECT_FALSE(types.Find("int", "pointer"));
}

TEST(BtfTypes, FindMembersOfAnonymousStructures) {
  Kernel k;
  const int inner = k.Struct("", 16);
  k.Field("deep", k.number, 64);
  const int outer = btf__add_union(k.get(), "", 16);
  k.Field("other", k.number, 0);
  k.Field("", inner, 0);
  k.Struct("thing", 64);
  k.Field("", outer, 128);
  const Btf types = k.Read();
  ExpectMember(types, "other", 16, 4, 1, false, "");
  ExpectMember(types, "deep", 24, 4, 1, false, "");
}

TEST(BtfTypes, RefuseBitFields) {
  Kernel k;
  k.Struct("thing", 8);
  k.Field("bits", k.number, 0, 3);
  k.Field("more", k.number, 3, 5);
  EXPECT_FALSE(k.Read().Find("thing", "bits"));
  EXPECT_FALSE(k.Read().Find("thing", "more"));
}

TEST(BtfTypes, NameStructuresByTheirTypedef) {
  Kernel k;
  const int anonymous = k.Struct("", 24);
  k.Field("x", k.number, 64);
  const int alias = btf__add_typedef(k.get(), "alias_t", anonymous);
  k.Struct("thing", 32);
  k.Field("inner", alias, 64);
  const Btf types = k.Read();
  EXPECT_EQ(types.SizeOf("alias_t"), 24u);
  EXPECT_TRUE(types.Find("alias_t", "x"));
  ExpectMember(types, "inner", 8, 24, 1, false, "alias_t");
}

TEST(BtfTypes, FindModulesBehindTheKernel) {
  Kernel k;
  k.Struct("thing", 8);
  Writer module(&k);
  module.Struct("peer", 999);
  module.Struct("driver", 64);
  module.Field("peer", k.peer_pointer, 64);
  module.Field("inner", k.peer, 128);
  Writer other(&k);
  other.Struct("other_driver", 32);
  Btf types = k.Read();
  EXPECT_EQ(types.AddModule(module.Bytes()), "");
  EXPECT_EQ(types.AddModule(other.Bytes()), "");
  EXPECT_EQ(types.SizeOf("driver"), 64u);
  EXPECT_EQ(types.SizeOf("other_driver"), 32u);
  EXPECT_EQ(types.SizeOf("peer"), 16u);
  const auto member = types.Find("driver", "peer");
  ASSERT_TRUE(member);
  EXPECT_EQ(member->offset, 8u);
  EXPECT_EQ(member->type, "peer");
  EXPECT_EQ(types.Find("driver", "inner.b")->offset, 24u);
}

TEST(BtfTypes, StandWithoutAnUnsoundModule) {
  Kernel k;
  Btf types = k.Read();
  EXPECT_THAT(types.AddModule({}), HasSubstr("no BTF"));
  EXPECT_EQ(types.SizeOf("peer"), 16u);
}

// ---- hostile bytes ----

void Put(std::vector<std::byte>* bytes, std::size_t offset, std::uint32_t value) {
  std::memcpy(bytes->data() + offset, &value, sizeof(value));
}

TEST(HostileBtf, WithAHeaderThatLiesIsRefused) {
  constexpr std::uint32_t kMax = UINT32_MAX;
  const struct {
    std::size_t offset;  // in struct btf_header
    std::uint32_t value;
  } cases[] = {{0, 0},       {4, 0},     {4, 23},        {4, kMax},  {8, kMax},
               {8, 0x10000}, {12, kMax}, {12, kMax - 3}, {16, kMax}, {20, kMax}};
  for (const auto& c : cases) {
    std::vector<std::byte> bytes = Kernel().Bytes();
    Put(&bytes, c.offset, c.value);
    const auto types = Btf::Parse(bytes);
    EXPECT_FALSE(types.ok()) << c.offset << " " << c.value;
  }
}

TEST(HostileBtf, CutAnywhereIsRefused) {
  const std::vector<std::byte> bytes = Kernel().Bytes();
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(Btf::Parse(std::span(bytes).first(size)).ok()) << size;
  }
}

TEST(HostileBtf, WithAnUnknownKindIsRefused) {
  std::vector<std::byte> bytes = Kernel().Bytes();
  Put(&bytes, 24 + 4, 31u << 24);
  const auto types = Btf::Parse(bytes);
  ASSERT_FALSE(types.ok());
  EXPECT_THAT(types.error(), HasSubstr("unknown kind"));
}

TEST(HostileBtf, WithMoreMembersThanBytesIsRefused) {
  Writer w;
  w.Struct("thing", 8);
  std::vector<std::byte> bytes = w.Bytes();
  Put(&bytes, 24 + 4, static_cast<std::uint32_t>(BTF_KIND_STRUCT) << 24 | 0xffff);
  EXPECT_FALSE(Btf::Parse(bytes).ok());
}

TEST(HostileBtf, WithCyclesEnds) {
  Writer w;
  w.Struct("thing", 64);
  w.Field("typedefs", 2, 0);
  w.Field("arrays", 4, 0);
  w.Field("itself", 1, 0);
  w.Field("", 1, 64);
  btf__add_typedef(w.get(), "a", 3);
  btf__add_typedef(w.get(), "b", 2);
  w.Array(4, 1);
  const Btf types = w.Read();
  EXPECT_FALSE(types.Find("thing", "typedefs"));
  EXPECT_FALSE(types.Find("thing", "arrays"));
  EXPECT_FALSE(types.Find("thing", "none"));
  EXPECT_TRUE(types.Find("thing", "itself.itself.itself"));
}

TEST(HostileBtf, WithWideAnonymousCyclesEndsSoon) {
  Writer w;
  w.Struct("thing", 64);
  for (std::uint32_t i = 0; i < 1000; ++i) w.Field("", 1, 0);
  EXPECT_FALSE(w.Read().Find("thing", "none"));
}

TEST(HostileBtf, WithNumbersOutOfRangeFindsNothing) {
  Kernel k;
  const int huge = k.Array(k.Array(k.Array(k.number, UINT32_MAX), UINT32_MAX), UINT32_MAX);
  k.Struct("thing", 64);
  k.Field("lost", 4711, 0);
  k.Field("huge", huge, 0);
  k.Field("nothing", 0, 0);
  const Btf types = k.Read();
  for (const char* path : {"lost", "huge", "nothing"}) {
    EXPECT_FALSE(types.Find("thing", path)) << path;
  }
}

TEST(HostileBtf, WithNamesOutOfRangeFindsNothing) {
  Writer w;
  w.Struct("thing", 64);
  std::vector<std::byte> bytes = w.Bytes();
  for (const std::uint32_t name : {1000u, UINT32_MAX}) {
    Put(&bytes, 24, name);
    const auto types = Btf::Parse(bytes);
    ASSERT_TRUE(types.ok());
    EXPECT_FALSE(types->SizeOf("thing"));
  }
}

TEST(HostileBtf, WithANameThatDoesNotEndFindsNothing) {
  Writer w;
  w.Struct("thing", 64);
  std::vector<std::byte> bytes = w.Bytes();
  bytes.back() = std::byte{'x'};
  const auto types = Btf::Parse(bytes);
  ASSERT_TRUE(types.ok());
  EXPECT_FALSE(types->SizeOf("thing"));
}

TEST(HostileBtf, WithANameOver512BytesFindsNothing) {
  for (const std::size_t length : {std::size_t{512}, std::size_t{513}}) {
    const std::string name(length, 'n');
    Writer w;
    const int number = w.Int("int", 4);
    w.Struct(name.c_str(), 64);
    w.Field(name.c_str(), number, 0);
    EXPECT_EQ(w.Read().SizeOf(name).has_value(), length == 512) << length;
    EXPECT_EQ(w.Read().Find(name, name).has_value(), length == 512) << length;
  }
}

TEST(HostileBtf, FindsNothingOnceTheTimeIsOver) {
  Kernel k;
  bool over = false;
  const auto types = Btf::Parse(k.Bytes(), [&over] { return over; });
  ASSERT_TRUE(types.ok());
  EXPECT_TRUE(types->Find("peer", "b"));
  over = true;
  EXPECT_FALSE(types->Find("peer", "b"));
}

TEST(HostileBtf, WithAnyFlippedBitIsReadOrRefused) {
  Kernel k;
  k.Struct("thing", 64);
  k.Field("inner", k.peer, 0);
  k.Field("pointer", k.peer_pointer, 256);
  std::vector<std::byte> bytes = k.Bytes();
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    bytes[bit / 8] ^= static_cast<std::byte>(1u << bit % 8);
    if (const auto types = Btf::Parse(bytes); types.ok()) {
      (void)types->Find("thing", "inner.b");
      (void)types->Find("thing", "pointer");
      (void)types->Find("thing", "none");
    }
    bytes[bit / 8] ^= static_cast<std::byte>(1u << bit % 8);
  }
}

}  // namespace
}  // namespace marrow::profile
