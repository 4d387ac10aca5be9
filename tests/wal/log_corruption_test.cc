// Rot, cuts and stale bytes anywhere: the log is whole, or it says that it is corrupt and changes
// nothing; only the tail of the last batch may be cut.
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <gtest/gtest.h>

#include <cstring>
#include <functional>

#include "tests/wal/log_fixture.h"
#include "wal/format.h"

namespace cairn::wal::test {
namespace {

using Crash = MemoryFileSystem::Crash;
using Image = MemoryFileSystem::Image;

class LogCorruption : public LogTest {
 protected:
  /// Two segments, all kinds of records, several batches; remembers the disk and where the last
  /// batch begins.
  void write_log() {
    options.segment_bytes = 4096;
    options.spare_segments = 0;
    vanish();
    files.load({});
    ASSERT_FALSE(open());
    append(1, std::string(900, 'a'));
    vote(1, {1, 2, 0});
    ASSERT_FALSE(commit_and_run());
    append(2, std::string(1500, 'b'));
    configure(2, "members");
    ASSERT_FALSE(commit_and_run());
    append(1, std::string(1200, 'c'));  // opens the second segment
    ASSERT_FALSE(commit_and_run());
    reset(3, 10, 4, "cfg");
    append(3, "d1");
    append(3, "d2");
    append(3, 12, 5, "d3");
    ASSERT_FALSE(commit_and_run());
    trim(3, 11);
    append(1, std::string(20, 'e'));
    ASSERT_FALSE(commit_and_run());
    before_last_ = model.issued();
    const std::uint64_t before = wal->metrics().bytes;
    append(2, "f1");
    append(2, std::string(30, 'g'));
    vote(2, {7, 1, 1});
    ASSERT_FALSE(commit_and_run());
    last_batch_bytes_ = wal->metrics().bytes - before;
    ASSERT_EQ(segments().size(), 2u);
    remember();
  }
  void remember() {
    vanish();
    image_ = files.image();
    older_ = segments().front();
    newest_ = segments().back();
    content_end_ = end_of_content(image_.files.at(newest_));
    last_batch_ = content_end_ - last_batch_bytes_;
  }
  static std::uint64_t end_of_content(const std::string& bytes) {
    const std::size_t end = bytes.find_last_not_of('\0') + 1;
    return (end + kAlignment - 1) / kAlignment * kAlignment;
  }

  enum class Outcome { kWhole, kTailCut, kRefused, kWrong };

  Outcome reopen() {
    const Image damaged = files.image();
    const auto error = open();
    if (error) {
      if (error != WalError::kCorrupt) return Outcome::kWrong;
      if (detail.find("log/wal-") == std::string::npos) return Outcome::kWrong;
      return files.image() == damaged ? Outcome::kRefused : Outcome::kWrong;
    }
    LogModel copy = model;  // acked: everything
    if (copy.match(*wal)) return Outcome::kWhole;
    LogModel shorter = unacked(before_last_);
    return shorter.match(*wal) ? Outcome::kTailCut : Outcome::kWrong;
  }
  /// The model as if only its first states had been acknowledged.
  LogModel unacked(std::size_t acked) const {
    LogModel copy = model;
    copy.forget_acks();
    copy.ack(acked);
    return copy;
  }
  Outcome damage(const std::function<void()>& harm) {
    vanish();
    files.load(image_);
    harm();
    const Outcome outcome = reopen();
    ++seen_[static_cast<std::size_t>(outcome)];
    return outcome;
  }
  std::size_t seen(Outcome o) const { return seen_[static_cast<std::size_t>(o)]; }

  Image image_;
  std::string older_;
  std::string newest_;
  std::uint64_t content_end_ = 0;
  std::uint64_t last_batch_ = 0;
  std::uint64_t last_batch_bytes_ = 0;
  std::size_t before_last_ = 0;
  std::size_t seen_[4] = {};
};

TEST_F(LogCorruption, FlipEveryBit_UncleanLog_WholeOrLastBatchCutOrRefused) {
  write_log();
  for (const std::string& file : {older_, newest_}) {
    const std::uint64_t end = file == newest_ ? content_end_ + 100 : options.segment_bytes;
    for (std::uint64_t at = 0; at < end; ++at) {
      for (unsigned bit = 0; bit < 8; bit += 1 + (at % 3)) {
        const Outcome outcome = damage([&] { files.flip_bit(file, at, bit); });
        ASSERT_NE(outcome, Outcome::kWrong) << file << " byte " << at << " bit " << bit;
        if (outcome == Outcome::kTailCut) {
          ASSERT_EQ(file, newest_);
          ASSERT_GE(at, last_batch_) << "a durable record was cut";
        }
      }
    }
  }
  EXPECT_GT(seen(Outcome::kRefused), 5000u);
  EXPECT_GT(seen(Outcome::kTailCut), 300u);
  EXPECT_GT(seen(Outcome::kWhole), 300u);  // padding, and zeros that nothing uses
}

TEST_F(LogCorruption, FlipEveryByte_CleanLog_NothingIsCut) {
  write_log();
  files.load(image_);
  ASSERT_FALSE(open());
  ASSERT_TRUE(consistent());
  ASSERT_FALSE(close());
  before_last_ = 0;
  remember();
  for (const std::string& file : {older_, newest_}) {
    for (std::uint64_t at = 0; at < options.segment_bytes; ++at) {
      const Outcome outcome = damage([&] { files.flip_bit(file, at, at % 8); });
      ASSERT_TRUE(outcome == Outcome::kWhole || outcome == Outcome::kRefused)
          << file << " byte " << at;
    }
  }
  EXPECT_GT(seen(Outcome::kRefused), 2000u);
}

TEST_F(LogCorruption, FlipEveryByte_LogJustRewritten_NothingIsCut) {
  write_log();
  files.load(image_);
  ASSERT_FALSE(open());  // unclean: its newest segment is born anew and has no batch yet
  ASSERT_TRUE(consistent());
  before_last_ = 0;
  last_batch_bytes_ = 0;
  remember();
  for (std::uint64_t at = 0; at < content_end_; ++at) {
    const Outcome outcome = damage([&] { files.flip_bit(newest_, at, at % 8); });
    ASSERT_TRUE(outcome == Outcome::kWhole || outcome == Outcome::kRefused) << "byte " << at;
  }
  EXPECT_GT(seen(Outcome::kRefused), 1500u);
}

TEST_F(LogCorruption, OlderSegment_OfAnotherHistory_IsRefused) {
  // The same identity, number and sizes, hence the same seed: only the link tells.
  write_log();
  const Image first = image_;
  vanish();
  files.load({});
  model = LogModel();
  ASSERT_FALSE(open());
  append(1, std::string(900, 'A'));
  vote(1, {1, 2, 0});
  ASSERT_FALSE(commit_and_run());
  append(2, std::string(1500, 'B'));
  configure(2, "members");
  ASSERT_FALSE(commit_and_run());
  vanish();
  const std::string other = files.read_file(older_);
  files.load(first);
  files.overwrite(older_, 0, other);
  EXPECT_EQ(open(), WalError::kCorrupt);
}

TEST_F(LogCorruption, Sectors_OfAnotherHistory_AreRefused) {
  // A batch that is sound in itself and stands in the right place, but is not the one that the next
  // batch was chained to.
  std::string histories[2];
  for (std::string& bytes : histories) {
    vanish();
    files.load({});
    model = LogModel();
    ASSERT_FALSE(open());
    const char fill = &bytes == histories ? 'a' : 'A';
    append(1, std::string(2 * 512, fill));
    ASSERT_FALSE(commit_and_run());
    append(1, "second");
    ASSERT_FALSE(commit_and_run());
    append(1, "third");
    ASSERT_FALSE(commit_and_run());
    vanish();
    bytes = files.read_file(newest_segment());
  }
  const std::uint64_t second = histories[0].find("second") - kRecordHeaderBytes;
  ASSERT_EQ(second, histories[1].find("second") - kRecordHeaderBytes);
  files.overwrite(newest_segment(), 0, histories[0].substr(0, second));
  EXPECT_EQ(open(), WalError::kCorrupt);
}

TEST_F(LogCorruption, CleanStopMark_ComesBackOverLaterBatches_IsRefused) {
  append(1, std::string(300, 'x'));
  ASSERT_FALSE(close());
  vanish();
  const std::string stopped = files.read_file(newest_segment());
  const std::uint64_t mark = end_of_content(stopped) - kRecordHeaderBytes;
  ASSERT_FALSE(open());
  ASSERT_TRUE(consistent());
  append(1, std::string(1500, 'y'));  // in the mark's place
  ASSERT_FALSE(commit_and_run());
  append(1, "acked");
  ASSERT_FALSE(commit_and_run());
  vanish();
  files.overwrite(newest_segment(), mark, stopped.substr(mark, kRecordHeaderBytes));
  EXPECT_EQ(open(), WalError::kCorrupt);
}

TEST_F(LogCorruption, CutAtEveryByte_ShorterThanItsHeaderSays_IsRefused) {
  write_log();
  for (const std::string& file : {older_, newest_}) {
    for (std::uint64_t size = 0; size < options.segment_bytes; ++size) {
      ASSERT_EQ(damage([&] { files.resize_file(file, size); }), Outcome::kRefused)
          << file << " cut to " << size;
    }
  }
}

TEST_F(LogCorruption, ZeroFromEveryByte_LastBatch_IsCutAtItsFirstBadRecord) {
  write_log();
  for (std::uint64_t at = 0; at < content_end_; ++at) {
    const auto zero = [&] {
      files.overwrite(newest_, at, std::string(options.segment_bytes - at, '\0'));
    };
    const Outcome outcome = damage(zero);
    if (at >= last_batch_) {
      ASSERT_TRUE(outcome == Outcome::kTailCut || outcome == Outcome::kWhole) << at;
    } else if (outcome != Outcome::kRefused) {
      // All that was ever written after that place is gone: no log can tell, but none may make
      // things up either.
      LogModel any = unacked(0);
      ASSERT_TRUE(any.match(*wal)) << at;
    }
  }
}

TEST_F(LogCorruption, StaleSector_OfADurableBatch_IsRefused) {
  write_log();
  for (std::uint64_t sector = 0; sector < content_end_; sector += 512) {
    const Outcome outcome =
        damage([&] { files.overwrite(newest_, sector, std::string(512, '\0')); });
    ASSERT_NE(outcome, Outcome::kWrong) << sector;
    if (sector < last_batch_) {
      ASSERT_EQ(outcome, Outcome::kRefused) << sector;
    }
  }
}

TEST_F(LogCorruption, RandomGarbage_Anywhere_NeverInventsAState) {
  write_log();
  Dice dice(7);
  for (int round = 0; round < 3000; ++round) {
    const std::string& file = dice.one_in(2) ? older_ : newest_;
    const std::uint64_t at = dice.below(options.segment_bytes);
    std::string garbage(1 + dice.below(200), '\0');
    for (char& c : garbage) c = static_cast<char>(dice.next());
    garbage.resize(std::min<std::uint64_t>(garbage.size(), options.segment_bytes - at));
    const Outcome outcome = damage([&] { files.overwrite(file, at, garbage); });
    ASSERT_NE(outcome, Outcome::kWrong) << "round " << round;
    if (outcome == Outcome::kTailCut) {
      ASSERT_GE(at + garbage.size(), last_batch_);
    }
  }
}

TEST_F(LogCorruption, Segment_MissingOrMisplaced_IsRefused) {
  write_log();
  EXPECT_EQ(damage([&] { EXPECT_TRUE(files.remove(older_)); }), Outcome::kRefused);
  const std::string older_bytes = image_.files.at(older_);
  EXPECT_EQ(damage([&] { files.overwrite(newest_, 0, older_bytes); }), Outcome::kRefused);
  EXPECT_EQ(damage([&] { files.overwrite(older_, 0, image_.files.at(newest_)); }),
            Outcome::kRefused);
  EXPECT_EQ(damage([&] {
              EXPECT_TRUE(files.rename(newest_,
                                       "log/"
                                       "wal-00000000000000ff"));
            }),
            Outcome::kRefused);
}

/// Sets the format version, with a check that holds.
void make_newer(MemoryFileSystem& files, const std::string& path) {
  std::string head = files.read_file(path).substr(0, kSegmentHeaderBytes);
  head[8] = static_cast<char>(kFormatVersion + 1);
  const std::uint64_t check = XXH3_64bits_withSeed(head.data(), 120, 0);
  std::memcpy(head.data() + 120, &check, 8);
  files.overwrite(path, 0, head);
}

TEST_F(LogCorruption, NewerFormat_IsNamedAndLeftAlone) {
  write_log();
  files.load(image_);
  make_newer(files, newest_);
  const Image before = files.image();
  EXPECT_EQ(open(), WalError::kNewerFormat);
  EXPECT_NE(detail.find(newest_), std::string::npos);
  EXPECT_EQ(files.image(), before);
}

TEST_F(LogCorruption, ReservedBytes_ThatHoldSomething_AreCovered) {
  write_log();
  EXPECT_EQ(damage([&] { files.flip_bit(newest_, 100, 0); }), Outcome::kRefused);
}

TEST_F(LogCorruption, CleanStopMark_OnlyInThePageCache_DoesNoHarm) {
  // The mark's sync fails and drops it; the process goes on living in the page cache. Whatever the
  // alignment, a batch behind such a mark must not make a hole of it.
  for (std::size_t length = 0; length < 512; length += 8) {
    vanish();
    files.load({});
    model = LogModel();
    ASSERT_FALSE(open());
    append(1, std::string(length, 'x'));
    ASSERT_FALSE(commit_and_run());
    files.fail(MemoryFileSystem::Call::kSync, 1, EIO);
    ASSERT_TRUE(close());
    kill();
    ASSERT_FALSE(open()) << detail;
    ASSERT_TRUE(consistent());
    append(1, "after");
    ASSERT_FALSE(commit_and_run());
    power_cut();
    ASSERT_FALSE(open()) << detail << " at length " << length;
    ASSERT_TRUE(consistent());
  }
}

}  // namespace
}  // namespace cairn::wal::test
