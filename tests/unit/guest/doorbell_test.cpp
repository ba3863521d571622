// SPDX-License-Identifier: Apache-2.0
// Requests, acknowledgements and the panic record.
#include "window_fixture.h"

namespace marrow::guest {
namespace {

using Doorbell = WindowFixture;
using Panic = WindowFixture;

TEST_F(Doorbell, RingsWithANewSequence) {
  Window window = Attached();
  uint64_t sequence = 0;
  ASSERT_EQ(window.Request(MARROW_REQUEST_DUMP, "why not", &sequence), Error::kNone);
  EXPECT_EQ(sequence, 1u);
  EXPECT_EQ(header().request.sequence, 1u);
  EXPECT_EQ(header().request.kind, MARROW_REQUEST_DUMP);
  EXPECT_EQ(Text(header().request.text, MARROW_REQUEST_TEXT_BYTES), "why not");
  ASSERT_EQ(window.Request(MARROW_REQUEST_OOPS, "", &sequence), Error::kNone);
  EXPECT_EQ(sequence, 2u);
  EXPECT_EQ(Text(header().request.text, MARROW_REQUEST_TEXT_BYTES), "");
}

TEST_F(Doorbell, NeedsAWindow) {
  uint64_t sequence = 0;
  EXPECT_EQ(Window().Request(MARROW_REQUEST_DUMP, "", &sequence), Error::kNotAttached);
  EXPECT_EQ(Window().AwaitAckPolls(1, 1).error, Error::kNotAttached);
}

TEST_F(Doorbell, TranslatesTheAnswer) {
  Window window = Attached();
  const struct {
    uint64_t sequence;
    uint32_t state;
    uint32_t presence;
    Error error;
    uint32_t retry_after_ms;
  } cases[] = {
      {5, MARROW_ACK_CAPTURED, 1, Error::kNone, 0},
      {6, MARROW_ACK_CAPTURED, 1, Error::kNone, 0},
      {4, MARROW_ACK_CAPTURED, 1, Error::kTimedOut, 0},
      {5, MARROW_ACK_CAPTURING, 1, Error::kTimedOut, 0},
      {5, MARROW_ACK_NONE, 0, Error::kHostAbsent, 0},
      {5, 99, 1, Error::kTimedOut, 0},
      {5, MARROW_ACK_FAILED, 1, Error::kHostFailed, 0},
      {5, MARROW_ACK_REFUSED, 1, Error::kHostRefused, 1500},
  };
  header().ack.detail = 1500;
  for (const auto& c : cases) {
    header().ack.sequence = c.sequence;
    header().ack.state = c.state;
    header().ack.presence = c.presence;
    const Ack ack = window.AwaitAckPolls(5, 3);
    EXPECT_EQ(ack.error, c.error) << c.sequence << " " << c.state;
    EXPECT_EQ(ack.retry_after_ms, c.retry_after_ms);
  }
}

TEST_F(Doorbell, WaitsNoLongerThanTold) {
  const Window window = Attached();
  int waits = 0;
  const Ack ack = window.AwaitAck(1, [&waits] { return ++waits < 4; });
  EXPECT_EQ(ack.error, Error::kHostAbsent);
  EXPECT_EQ(waits, 4);
}

TEST_F(Doorbell, SeesAnAnswerThatComesWhileWaiting) {
  const Window window = Attached();
  int waits = 0;
  const Ack ack = window.AwaitAck(1, [&] {
    if (++waits == 3) {
      header().ack.state = MARROW_ACK_CAPTURED;
      header().ack.sequence = 1;
    }
    return waits < 100;
  });
  EXPECT_EQ(ack.error, Error::kNone);
  EXPECT_EQ(waits, 3);
}

TEST_F(Doorbell, ToldWhetherAHostListens) {
  Window window = Attached();
  EXPECT_FALSE(window.HostListening());
  header().ack.presence = MARROW_HOST_LISTENING;
  EXPECT_TRUE(window.HostListening());
  EXPECT_FALSE(Window().HostListening());
}

TEST_F(Doorbell, NoticesThatTheHostFormattedAnew) {
  const Window window = Claimed();
  EXPECT_FALSE(window.HostReformatted());
  Format(2);
  EXPECT_TRUE(window.HostReformatted());
  Format(1);
  header().host.magic = 0;
  EXPECT_TRUE(window.HostReformatted());
}

TEST_F(Panic, RecordsWhatHappened) {
  Window window = Attached();
  ASSERT_EQ(window.FillPanicRecord(
                {3, 0xffffffff81001234, 0xffffc90000003e00, MARROW_PANIC_OOPS, "Oops: 0002"}),
            Error::kNone);
  EXPECT_EQ(header().guest.state, MARROW_STATE_PANICKING);
  EXPECT_EQ(header().panic.valid, 1u);
  EXPECT_EQ(header().panic.cpu, 3u);
  EXPECT_EQ(header().panic.ip, 0xffffffff81001234u);
  EXPECT_EQ(header().panic.sp, 0xffffc90000003e00u);
  EXPECT_EQ(header().panic.reason, MARROW_PANIC_OOPS);
  EXPECT_EQ(header().panic.text_bytes, 10u);
  EXPECT_EQ(Text(header().panic.text, MARROW_PANIC_TEXT_BYTES), "Oops: 0002");
}

TEST_F(Panic, CutsALongText) {
  const std::string text(1000, 'p');
  Window window = Attached();
  ASSERT_EQ(window.FillPanicRecord({0, 0, 0, MARROW_PANIC_PANIC, text.c_str()}), Error::kNone);
  EXPECT_EQ(header().panic.text_bytes, MARROW_PANIC_TEXT_BYTES);
  EXPECT_EQ(Text(header().panic.text, MARROW_PANIC_TEXT_BYTES),
            text.substr(0, MARROW_PANIC_TEXT_BYTES));
}

TEST_F(Panic, NeedsNoSoundTable) {
  Window window = Claimed();
  Change change(window);
  ASSERT_EQ(change.Register(At(1)), Error::kNone);
  EXPECT_EQ(window.FillPanicRecord({0, 0, 0, MARROW_PANIC_PANIC, ""}), Error::kNone);
  EXPECT_EQ(header().panic.valid, 1u);
}

}  // namespace
}  // namespace marrow::guest
