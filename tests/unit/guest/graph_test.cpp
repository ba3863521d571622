// SPDX-License-Identifier: Apache-2.0
// What a claimed writer leaves of a graph in the window, and how it shares the room with the table.
#include "graph_block.h"
#include "window_fixture.h"

namespace marrow::guest {
namespace {

class Graph : public WindowFixture {
 protected:
  std::string Stored() {
    const auto& table = header().table;
    return std::string(reinterpret_cast<const char*>(base() + table.graph_offset),
                       table.graph_bytes);
  }

  // A sound block of exactly `bytes`.
  static std::string OfBytes(size_t bytes) {
    GraphBlock graph;
    graph.types.resize(bytes / 64 - 1);
    return graph.Encode();
  }

  static Error Set(Window& window, const std::string& block) {
    return window.SetGraph(block.data(), block.size());
  }

  const std::string sample_ = SampleGraph().Encode();
};

TEST_F(Graph, IsStoredAtTheEndOfTheWindow) {
  Window window = Claimed();
  ASSERT_EQ(window.Register(At(1)), Error::kNone);
  ASSERT_EQ(Set(window, sample_), Error::kNone);
  EXPECT_EQ(Stored(), sample_);
  EXPECT_EQ(header().table.graph_offset, kBytes - sample_.size());
  EXPECT_EQ(window.graph_bytes(), sample_.size());
  EXPECT_EQ(header().table.region_count, 1u);
  ExpectSoundTable();
}

TEST_F(Graph, MayLieAtAnyAddressBefore) {
  Window window = Claimed();
  const std::string shifted = "x" + sample_;
  ASSERT_EQ(window.SetGraph(shifted.data() + 1, sample_.size()), Error::kNone);
  EXPECT_EQ(Stored(), sample_);
}

TEST_F(Graph, TakesItsRoomFromTheTable) {
  Window window = Claimed();
  const uint32_t before = window.region_capacity();
  ASSERT_EQ(Set(window, OfBytes(640)), Error::kNone);
  EXPECT_EQ(window.region_capacity(), before - 10);
  for (uint64_t id = 1; id <= before - 10; ++id) {
    ASSERT_EQ(window.Register(At(id)), Error::kNone);
  }
  EXPECT_EQ(window.Register(At(1000)), Error::kTableFull);
  EXPECT_EQ(Stored(), OfBytes(640));
  ExpectSoundTable();
}

TEST_F(Graph, GivesItsRoomBack) {
  Window window = Claimed();
  const uint32_t before = window.region_capacity();
  ASSERT_EQ(Set(window, sample_), Error::kNone);
  ASSERT_EQ(Set(window, OfBytes(64)), Error::kNone);
  EXPECT_EQ(window.region_capacity(), before - 1);
  ExpectSoundTable();
  ASSERT_EQ(window.SetGraph(nullptr, 0), Error::kNone);
  EXPECT_EQ(window.region_capacity(), before);
  EXPECT_EQ(header().table.graph_offset, 0u);
  ExpectSoundTable();
}

TEST_F(Graph, FillsAllThatTheRegionsLeave) {
  Window window = Claimed();
  ASSERT_EQ(window.Register(At(1)), Error::kNone);
  const size_t room = kBytes - MARROW_HEADER_BYTES - sizeof(marrow_region);
  EXPECT_EQ(window.graph_capacity(1), room);
  const std::vector<unsigned char> before(base(), base() + kBytes);
  EXPECT_EQ(Set(window, OfBytes(room + 64)), Error::kNoRoom);
  EXPECT_EQ(std::vector<unsigned char>(base(), base() + kBytes), before);
  EXPECT_EQ(Set(window, OfBytes(room)), Error::kNone);
  EXPECT_EQ(window.region_capacity(), 1u);
  EXPECT_EQ(region(0).id, 1u);
  ExpectSoundTable();
}

TEST_F(Graph, ThatIsUnsoundChangesNothing) {
  Window window = Claimed();
  ASSERT_EQ(Set(window, sample_), Error::kNone);
  const std::vector<unsigned char> before(base(), base() + kBytes);
  GraphBlock bad = SampleGraph();
  bad.roots[0].type = 99;
  EXPECT_EQ(Set(window, bad.Encode()), Error::kGraphInvalid);
  EXPECT_EQ(Set(window, sample_.substr(0, sample_.size() - 1)), Error::kGraphInvalid);
  EXPECT_EQ(window.SetGraph(nullptr, 64), Error::kGraphInvalid);
  EXPECT_EQ(std::vector<unsigned char>(base(), base() + kBytes), before);
}

TEST_F(Graph, IsReplacedWithTheRegionsAsOneChange) {
  Window window = Claimed();
  ASSERT_EQ(Set(window, OfBytes(64)), Error::kNone);
  const uint64_t generation = window.generation();
  {
    Change change(window);
    ASSERT_EQ(change.Clear(), Error::kNone);
    ASSERT_EQ(change.SetGraph(sample_.data(), sample_.size()), Error::kNone);
    EXPECT_EQ(header().table.sequence % 2, 1u);
    ASSERT_EQ(change.Register(At(1)), Error::kNone);
    EXPECT_EQ(window.generation(), generation);
  }
  EXPECT_EQ(window.generation(), generation + 1);
  EXPECT_EQ(Stored(), sample_);
  ExpectSoundTable();
}

TEST_F(Graph, OutlivesClear) {
  Window window = Claimed();
  ASSERT_EQ(Set(window, sample_), Error::kNone);
  {
    Change change(window);
    ASSERT_EQ(change.Clear(), Error::kNone);
  }
  EXPECT_EQ(Stored(), sample_);
  ExpectSoundTable();
}

TEST_F(Graph, IsCoveredByTheChecksum) {
  Window window = Claimed();
  ASSERT_EQ(Set(window, sample_), Error::kNone);
  const uint32_t crc = header().table.crc32c;
  GraphBlock other = SampleGraph();
  ++other.roots[0].address;
  ASSERT_EQ(Set(window, other.Encode()), Error::kNone);
  EXPECT_NE(header().table.crc32c, crc);
}

TEST_F(Graph, IsKeptByAClaimOfTheSameBoot) {
  Window first = Claimed();
  ASSERT_EQ(first.Register(At(7)), Error::kNone);
  ASSERT_EQ(Set(first, sample_), Error::kNone);
  Window window = Claimed();
  EXPECT_EQ(window.graph_bytes(), sample_.size());
  EXPECT_EQ(window.region_count(), 1u);
  EXPECT_EQ(Stored(), sample_);
  ASSERT_EQ(window.Register(At(8)), Error::kNone);
  EXPECT_EQ(Stored(), sample_);
  ExpectSoundTable();
}

TEST_F(Graph, IsDroppedByAClaimOfAnotherBootOrWhenDamaged) {
  const struct {
    const char* what;
    uint8_t boot;
    void (*damage)(marrow_window_header&, unsigned char*);
  } cases[] = {
      {"boot", 2, [](marrow_window_header&, unsigned char*) {}},
      {"byte", 1, [](marrow_window_header&, unsigned char* last) { *last ^= 1; }},
      {"bytes", 1, [](marrow_window_header& h, unsigned char*) { h.table.graph_bytes -= 64; }},
      {"offset", 1, [](marrow_window_header& h, unsigned char*) { h.table.graph_offset -= 64; }},
      {"size", 1,
       [](marrow_window_header& h, unsigned char*) { h.table.graph_bytes = UINT32_MAX; }},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.what);
    Format();
    Window first = Claimed();
    ASSERT_EQ(Set(first, sample_), Error::kNone);
    c.damage(header(), base() + kBytes - 1);
    Window window = Claimed(c.boot);
    EXPECT_EQ(window.graph_bytes(), 0u);
    EXPECT_EQ(header().table.graph_bytes, 0u);
    ExpectSoundTable();
  }
}

TEST_F(Graph, SurvivesAHostThatScribblesOnItsControl) {
  Window window = Claimed();
  ASSERT_EQ(Set(window, sample_), Error::kNone);
  header().table.graph_offset = 0xffffffc0;
  header().table.graph_bytes = UINT32_MAX;
  ASSERT_EQ(window.Register(At(1)), Error::kNone);
  EXPECT_EQ(Stored(), sample_);
  ExpectSoundTable();
}

TEST_F(Graph, NeedsAClaim) {
  Window window = Attached();
  EXPECT_EQ(Set(window, sample_), Error::kNotClaimed);
  EXPECT_EQ(Window().SetGraph(nullptr, 0), Error::kNotAttached);
}

}  // namespace
}  // namespace marrow::guest
